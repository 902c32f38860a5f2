#!/bin/sh
# Writes three Nodes, a pool and the blocks of host1 and host2, with Calico's keys and values.
set -eu
v3=/calico/resources/v3/projectcalico.org
node() {
  etcdctl put "$v3/nodes/$1" "{\"kind\":\"Node\",\"apiVersion\":\"projectcalico.org/v3\",\"metadata\":{\"name\":\"$1\"},\"spec\":{\"bgp\":{\"ipv4Address\":\"$2/24\"}},\"status\":{}}"
}
node host1 10.99.0.1
node host2 10.99.0.2
node bird 10.99.0.3
etcdctl put "$v3/ippools/v4" '{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"v4"},"spec":{"cidr":"10.65.0.0/16","blockSize":26,"ipipMode":"Never","vxlanMode":"Never","nodeSelector":"all()"}}'
etcdctl put /calico/ipam/v2/host/host1/ipv4/block/10.65.0.0-26 '{"state":"confirmed","deleted":false}'
etcdctl put /calico/ipam/v2/host/host2/ipv4/block/10.65.0.64-26 '{"state":"confirmed","deleted":false}'
