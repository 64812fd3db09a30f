/*
 * What every engine refuses in the same words. Engines themselves check these late, differently or not at all: Podman
 * wraps port 70000 to 4464, Docker has a least memory limit that Podman does not have, and so on.
 */
#pragma once

#include "controllers/runner/engine.h"

/* ENGINE_OK, or ENGINE_E_REFUSED with err: container count, memLimit, cpus against the node's, published ports. */
enum engine_result engine_check_pod(const struct pod *pod, const struct engine_info *info, struct error *err)
	_nonnull_(1, 2, 3);
/* Is the port to be opened on the host? hostPort: 0 asks for a random one, its absence for none. */
bool engine_port_published(const struct port *p) _nonnull_(1);

/* One published port; number and host are checked. */
struct engine_port {
	char key[16]; /* "80/tcp" */
	uint16_t host; /* 0: a random one */
};
/* The published ports of a container, at most LIMIT_PORTS * 2: httpPorts that are not among `ports` get a random one. */
size_t engine_ports(const struct container *c, struct engine_port *ret, size_t max) _nonnull_(1, 2);

/* The cpu limit to set: 0 when none is given, or when the default of one core is all the node has or more. */
int64_t engine_cpus(const struct container *c, const struct engine_info *info) _nonnull_(1, 2);
