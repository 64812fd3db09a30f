/*
 * `tugd up`: the node. Makes the data directory, starts etcd (unless one was named) and the roles, starts again what
 * ends, registers the machine. SIGTERM and SIGINT stop the roles and leave containers running; POST /v1/down on
 * <data-dir>/run/up.sock (`tug down`) stops the containers too.
 *
 *   <data-dir>/etcd/      the embedded etcd         run/up.lock    held while up; holds the process id
 *   <data-dir>/etcd.env   for etcdctl               run/up.sock    control: GET /v1/status, POST /v1/down
 *   <data-dir>/runner/    the runner's snapshot     run/api.sock   the API, for root on this machine
 *   <data-dir>/up.json    what `tug down` has to know when nothing is up
 */
#pragma once

#include "controllers/runtime/options.h"

/*
 * Runs until it is told to stop. options: taken over. report_fd: lines about the start for whoever waits for it, as
 * follow.h reads them, until the node is ready or cannot be; then it is closed. -1: none. Returns the exit status.
 */
int up_run(struct options *options, int report_fd) _nonnull_(1) _must_check_;
