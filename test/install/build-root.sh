#!/bin/sh
# build-root.sh FOLDER IMAGE SUITE: a clean Debian with systemd as a local image, and the packages that the installer may
# want as files in FOLDER/packages. Everything comes from the mirror that this machine's own apt uses for that suite.
set -eu
folder=$1 image=$2 suite=$3
root=$folder/root
rm -rf "$root" "$folder/packages"
mkdir -p "$folder/packages"
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' "Codename: $suite" | head -n 1)
# Elsewhere than on that very Debian the mirror is the one that debootstrap knows.
debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,ca-certificates,procps,iproute2,openssl,curl \
  "$suite" "$root" ${mirror:+"$mirror"}
if [ -n "$mirror" ]; then
  rm -f "$root/etc/apt/sources.list"
  grep -lw "$suite" /etc/apt/sources.list.d/*.sources | xargs cp -t "$root/etc/apt/sources.list.d/"
fi
cp /etc/resolv.conf "$root/etc/resolv.conf"
chroot "$root" apt-get update -qq
chroot "$root" apt-get install -y -qq --no-install-recommends --download-only redis-server postgresql nginx-light acl
mv "$root"/var/cache/apt/archives/*.deb "$folder/packages/"
rm -rf "$root"/var/lib/apt/lists/*
tar -C "$root" -c . | docker import - "$image"
rm -rf "$root"
