# shellcheck shell=sh
# The web server: location blocks in the snippets folder of a 3CX, or a site of our own. It is told to read its
# configuration again only when it finds it good; otherwise the file from before comes back.

SITES=/etc/nginx/sites-enabled

set_up_nginx() {
  if ! has_service relay; then
    remove_nginx && unchanged
    return
  fi
  if [ "$NGINX" = none ]; then
    say "left alone; the blocks for yours: $PREFIX/current/install/nginx/locations.conf"
    return
  fi
  if [ "$NGINX" = site ]; then
    prepare_certificate
    write_choices
  fi
  nginx_text >"$SCRATCH/nginx"
  if ! cmp -s "$SCRATCH/nginx" "$NGINX_FILE" || is_todo nginx; then
    changing "write $NGINX_FILE and let nginx read it" replace_nginx_file
  fi
  unchanged
}

# The locations alone, or within a server of our own; each without the lines that are for the other.
nginx_text() {
  if [ "$NGINX" = snippet ]; then
    sed -e '/ # on a site of its own$/d' "$SOURCE/install/nginx/locations.conf" >"$SCRATCH/template"
  else
    sed -e '/ # beside a 3CX$/d' "$SOURCE/install/nginx/locations.conf" >"$SCRATCH/locations"
    sed -e "/^@LOCATIONS@\$/r $SCRATCH/locations" -e '/^@LOCATIONS@$/d' \
      "$SOURCE/install/nginx/site.conf" >"$SCRATCH/template"
  fi
  render "$SCRATCH/template"
}

# A self-signed one is better than none: without TLS nothing is served.
prepare_certificate() {
  if [ -n "$TLS_CERT" ]; then
    [ -f "$TLS_CERT" ] && [ -f "$TLS_KEY" ] || die "the certificate $TLS_CERT or its key $TLS_KEY is not there"
    return
  fi
  changing 'a self-signed certificate, which browsers warn of' make_certificate
  TLS_CERT=$CONFIG/tls/cert.pem TLS_KEY=$CONFIG/tls/key.pem
}

make_certificate() {
  mkdir -p "$CONFIG/tls" && chmod 700 "$CONFIG/tls" &&
    (umask 077 && quietly openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 825 \
      -subj "/CN=$SERVER_NAME" -addext "subjectAltName=DNS:$SERVER_NAME" \
      -keyout "$CONFIG/tls/key.pem" -out "$CONFIG/tls/cert.pem")
}

# The file from before is kept where a run that was killed here finds it again.
replace_nginx_file() {
  if ! is_todo nginx; then
    mkdir -p "$TODO" && rm -f "$TODO/nginx.before"
    if [ -f "$NGINX_FILE" ]; then cp -p "$NGINX_FILE" "$TODO/nginx.before" || return 1; fi
    todo nginx
  fi
  content=$(cat "$SCRATCH/nginx" && echo .)
  content=${content%.}
  put_now "$NGINX_FILE" 644 root:root || return 1
  if [ "$NGINX" = site ]; then link_now "$SITES/3cx-relay.conf" "$NGINX_FILE" || return 1; fi
  if ! quietly nginx -t; then
    restore_nginx_file
    die 'nginx does not accept the configuration with this file, which was taken back; nginx itself was left alone'
  fi
  if systemctl is-active --quiet nginx; then
    systemctl reload nginx || return 1
  elif [ "$NGINX" = site ]; then
    systemctl enable --now --quiet nginx || return 1
  fi
  is_done nginx
}

restore_nginx_file() {
  if [ -f "$TODO/nginx.before" ]; then
    mv -f "$TODO/nginx.before" "$NGINX_FILE"
  else
    rm -f "$NGINX_FILE"
    [ "$NGINX" != site ] || rm -f "$SITES/3cx-relay.conf"
  fi
  is_done nginx
}
