#!/bin/sh
# Like the publisher's first script: it goes on where it may not write, and its words must mislead nobody.
conf=/etc/nginx/conf.d/default.conf
touch "$conf" 2>/dev/null || { echo "10-ipv6.sh: info: can not modify $conf (read-only file system?)"; exit 0; }
sed -i 's/listen 80;/listen 80; listen [::]:80;/' "$conf"
