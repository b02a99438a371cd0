#!/bin/sh
# What a 3CX leaves on its server, as far as the installer looks: user, ini, certificate, web server with its snippets,
# a PostgreSQL cluster of its own. The phone system itself is the simulator, on port 5001.
set -eu
export DEBIAN_FRONTEND=noninteractive
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
set --
for file in /offline/packages/*.deb; do
  case $(dpkg-deb -f "$file" Package) in redis* | acl | libjemalloc* | liblzf*) ;; *) set -- "$@" "$file" ;; esac
done
apt-get install -y -qq --no-install-recommends -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts=/dev/null "$@"
rm /usr/sbin/policy-rc.d
systemctl start postgresql nginx

useradd --system --user-group --home-dir /var/lib/3cxpbx --no-create-home phonesystem
pbx=/var/lib/3cxpbx
mkdir -p $pbx/Bin/nginx/conf/snippets $pbx/Bin/nginx/conf/Instance1 $pbx/Instance1/Data/Recordings
echo 'a recording' >$pbx/Instance1/Data/Recordings/1.wav
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=pbx.example.com \
  -addext subjectAltName=DNS:pbx.example.com -keyout $pbx/Bin/nginx/conf/Instance1/key.pem \
  -out $pbx/Bin/nginx/conf/Instance1/cert.pem 2>/dev/null
cat >/etc/nginx/sites-enabled/3cxpbx <<NGINX
server {
    listen 443 ssl;
    listen 5000;
    server_name pbx.example.com;
    ssl_certificate $pbx/Bin/nginx/conf/Instance1/cert.pem;
    ssl_certificate_key $pbx/Bin/nginx/conf/Instance1/key.pem;
    location /admin { return 200 'the admin console of the PBX'; }
    location ~* \.(js|css)$ { return 404; }
    include $pbx/Bin/nginx/conf/snippets/*.conf;
}
NGINX
rm -f /etc/nginx/sites-enabled/default
# The simulator makes its databases in the cluster that is here, and writes the ini that says so.
runuser -u postgres -- psql -q -c "CREATE ROLE simulator LOGIN CREATEDB CREATEROLE PASSWORD 'simulator'"
systemd-run --quiet --unit=simulator --setenv=SIM_PORT=5001 --setenv=SIM_CLIENT_ID=relay \
  --setenv=SIM_CLIENT_SECRET=a-secret-of-the-pbx --setenv=SIM_CALLS_PER_MINUTE=120 --setenv=SIM_INI_DIR=/ \
  --setenv=SIM_DATABASE_URL=postgres://simulator:simulator@127.0.0.1:5432/postgres --working-directory=/checkout \
  /checkout/node_modules/node/bin/node test/simulator/main.ts
for second in $(seq 60); do
  [ ! -s $pbx/Bin/3CXPhoneSystem.ini ] || break
  sleep 1
done
chown -R phonesystem:phonesystem $pbx
chmod 750 $pbx $pbx/Bin $pbx/Instance1 && chmod 640 $pbx/Bin/3CXPhoneSystem.ini
# As the 3CX package does it for its web server.
usermod -a -G phonesystem www-data
systemctl restart nginx
