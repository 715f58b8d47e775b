#!/usr/bin/env bash
# A throw-away Ceph object gateway (RGW) on loopback: a real S3 with versions and Object Lock for test/sinks.
#
#   .ci/start-rgw.sh start    start it unless it already answers, then print the environment the tests read
#   .ci/start-rgw.sh stop     stop it and delete its data
#
#   export $(.ci/start-rgw.sh start) && npx vitest run test/sinks
#
# Debian or Ubuntu packages: apt-get install --no-install-recommends ceph-mon ceph-osd radosgw
# Several can run side by side: give each its own RGW_DIR, RGW_PORT and RGW_MON_PORT.
# Everything is kept in the memory of the OSD (RGW_MEMORY bytes at most) and is gone after stop.
set -euo pipefail

dir=${RGW_DIR:-${TMPDIR:-/tmp}/zoom-chat-archiver-rgw}
port=${RGW_PORT:-7491}
mon_port=${RGW_MON_PORT:-13391}
memory=${RGW_MEMORY:-2147483648}
conf=$dir/ceph.conf
# Not secrets: they open only this gateway, which listens on loopback and holds test data.
access_key=rgwtest
secret_key=rgwtest-secret
daemons=(radosgw ceph-osd ceph-mon)

fail() {
  echo "start-rgw: $*" >&2
  exit 1
}

answers() { curl -s -o "$dir/answer" --max-time 2 "http://127.0.0.1:$port/" && grep -q ListAllMyBucketsResult "$dir/answer"; }

# The pid of our own daemon $1, if it lives: its command line must name our configuration, so that a pid the
# kernel gave to another process since is never signalled.
own_pid() {
  local pid
  pid=$(cat "$dir/$1.pid" 2>/dev/null) || return 1
  [ -r "/proc/$pid/cmdline" ] && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "$conf" && echo "$pid"
}

launch() {
  local name=$1
  shift
  setsid "$name" -c "$conf" -f "$@" >"$dir/$name.log" 2>&1 </dev/null &
  echo $! >"$dir/$name.pid"
  disown
}

stop() {
  local name pid
  # radosgw takes 5 s over a polite stop, and nothing here is worth keeping.
  for name in "${daemons[@]}"; do
    if pid=$(own_pid "$name"); then kill -9 "$pid" 2>/dev/null || true; fi
  done
  for name in "${daemons[@]}"; do
    for _ in $(seq 100); do
      own_pid "$name" >/dev/null || break
      sleep 0.05
    done
  done
  # Only a folder that this script made is deleted.
  if [ -f "$dir/made-by-start-rgw" ]; then rm -rf -- "$dir"; fi
}

write_conf() {
  cat >"$conf" <<CONF
[global]
fsid = $(cat /proc/sys/kernel/random/uuid)
mon host = v2:127.0.0.1:$mon_port
public addr = 127.0.0.1
cluster addr = 127.0.0.1
run dir = $dir
admin socket = $dir/\$name.asok
log file = $dir/\$name.ceph.log
log to stderr = false
auth cluster required = none
auth service required = none
auth client required = none
# The default, secure, cannot be had without authentication, and clients then wait for ever.
ms mon client mode = crc
ms mon service mode = crc
ms mon cluster mode = crc
ms cluster mode = crc
ms service mode = crc
ms client mode = crc
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon data = $dir/mon
mon data avail crit = 1
mon cluster log to file = false
# One monitor has nobody to wait for; the defaults make the start ten seconds slower.
paxos propose interval = 0.02
paxos min wait = 0.01
osd data = $dir/osd
osd objectstore = memstore
memstore device bytes = $memory
rgw data = $dir/rgw
# Without tcp_nodelay every answer with a body takes 40 ms longer.
rgw frontends = beast endpoint=127.0.0.1:$port tcp_nodelay=1
rgw rados pool pg num min = 1
rgw enable usage log = false
rgw enable ops log = false
CONF
}

wait_for() {
  local what=$1 tries=$2
  shift 2
  for _ in $(seq "$tries"); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    sleep 0.05
  done
  fail "$what did not come up; see the logs in $dir"
}

start() {
  local name osd
  for name in ceph-mon ceph-osd radosgw radosgw-admin monmaptool curl; do
    command -v "$name" >/dev/null || fail "$name is missing: apt-get install --no-install-recommends ceph-mon ceph-osd radosgw curl"
  done
  if own_pid ceph-mon >/dev/null && own_pid ceph-osd >/dev/null && own_pid radosgw >/dev/null && answers; then return; fi
  stop
  if [ -e "$dir" ]; then fail "$dir exists and was not made by this script; set RGW_DIR"; fi
  mkdir -p "$dir"/mon "$dir"/osd "$dir"/rgw
  touch "$dir/made-by-start-rgw"
  write_conf

  monmaptool --create --fsid "$(sed -n 's/^fsid = //p' "$conf")" --addv a "[v2:127.0.0.1:$mon_port]" "$dir/monmap" >"$dir/setup.log" 2>&1
  ceph-mon -c "$conf" -i a --mkfs --monmap "$dir/monmap" >>"$dir/setup.log" 2>&1
  launch ceph-mon -i a --public-addr "v2:127.0.0.1:$mon_port"
  osd=$(cat /proc/sys/kernel/random/uuid)
  wait_for 'the monitor' 20 timeout 10 ceph -c "$conf" osd new "$osd"
  # The monitor waits for ever for an OSD that comes up under another id than the one announced.
  ceph-osd -c "$conf" -i 0 --mkfs --osd-uuid "$osd" >>"$dir/setup.log" 2>&1
  launch ceph-osd -i 0
  launch radosgw -n client.rgw
  timeout 60 radosgw-admin -c "$conf" user create --uid test --display-name test \
    --access-key "$access_key" --secret-key "$secret_key" >>"$dir/setup.log" 2>&1
  wait_for 'the gateway' 600 answers
}

case ${1:-} in
  start)
    start
    echo "S3_TEST_ENDPOINT=http://127.0.0.1:$port"
    echo "AWS_ACCESS_KEY_ID=$access_key"
    echo "AWS_SECRET_ACCESS_KEY=$secret_key"
    echo "AWS_REGION=us-east-1"
    ;;
  stop) stop ;;
  *) fail 'usage: start-rgw.sh start|stop' ;;
esac
