#include "controllers/runner/engine_check/check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "core/limits.h"

#define MEMORY_LEAST (INT64_C(6) << 20) /* Docker's own bound */
#define CPU_DEFAULT  1000               /* milli-cores: what a container gets that does not say */
#define CPU_LEAST    10

bool engine_port_published(const struct port *p)
{
	const struct field *ports = schema_find(&container_schema, "ports");
	return p->hostPort != 0 || (p->present & schema_bit(ports->item, "hostPort"));
}

size_t engine_ports(const struct container *c, struct engine_port *ret, size_t max)
{
	const struct port *ports = LIST_ITEMS(&c->ports, struct port);
	size_t n = 0;
	for (size_t i = 0; i < c->ports.count && n < max; i++) {
		if (!engine_port_published(&ports[i]))
			continue;
		(void)snprintf(ret[n].key, sizeof(ret[n].key), "%.5s/%s", ports[i].name,
		               ports[i].protocol == PROTOCOL_UDP ? "udp" : "tcp");
		ret[n++].host = (uint16_t)ports[i].hostPort;
	}
	size_t given = n;
	for (size_t i = 0; i < c->httpPorts.count && n < max; i++) {
		(void)snprintf(ret[n].key, sizeof(ret[n].key), "%.5s/tcp", c->httpPorts.items[i].key);
		bool also = false; /* a port that is published under `ports` needs no second host port */
		for (size_t k = 0; k < given && !also; k++)
			also = streq(ret[k].key, ret[n].key);
		if (!also)
			ret[n++].host = 0;
	}
	return n;
}

int64_t engine_cpus(const struct container *c, const struct engine_info *info)
{
	bool all = c->cpus == CPU_DEFAULT && info->cpus && info->cpus <= CPU_DEFAULT;
	return all ? 0 : c->cpus;
}

static enum engine_result check_limits(const struct container *c, const struct engine_info *info,
                                       struct error *err)
{
	if (c->memLimit && c->memLimit < MEMORY_LEAST) {
		(void)error_set(err, -EINVAL, "",
		                "container %s: memLimit is %" PRId64 " bytes; the least is 6 MiB (6291456)",
		                c->name, c->memLimit);
		return ENGINE_E_REFUSED;
	}
	int64_t cpus = engine_cpus(c, info);
	if (cpus && (cpus < CPU_LEAST || (info->cpus && cpus > info->cpus))) {
		(void)error_set(err, -EINVAL, "",
		                "container %s: cpus is %g; on this node it has to be between 0.01 and %g",
		                c->name, (double)cpus / 1000.0, (double)info->cpus / 1000.0);
		return ENGINE_E_REFUSED;
	}
	return ENGINE_OK;
}

static enum engine_result check_number(const char *container, const char *name, int64_t host,
                                       struct error *err)
{
	uint16_t number;
	if (str_parse_u16(name, &number) == 0 && number > 0 && host >= 0 && host <= 65535)
		return ENGINE_OK;
	(void)error_set(err, -EINVAL, "",
	                "container %s: port %s on host port %" PRId64 ": ports go from 1 to 65535", container,
	                name, host);
	return ENGINE_E_REFUSED;
}

static enum engine_result check_ports(const struct container *c, struct error *err)
{
	const struct port *ports = LIST_ITEMS(&c->ports, struct port);
	enum engine_result r = ENGINE_OK;
	for (size_t i = 0; i < c->ports.count && !r; i++)
		r = check_number(c->name, ports[i].name, ports[i].hostPort, err);
	for (size_t i = 0; i < c->httpPorts.count && !r; i++)
		r = check_number(c->name, c->httpPorts.items[i].key, 0, err);
	return r;
}

/* Containers of one pod share a network: a port can only be opened by one of them. */
static enum engine_result check_twice(const struct pod *pod, struct error *err)
{
	const struct container *c = LIST_ITEMS(&pod->containers, struct container);
	struct engine_port all[2 * LIMIT_PORTS + 1];
	size_t n = 0;
	for (size_t i = 0; i < pod->containers.count; i++) {
		size_t more = engine_ports(&c[i], all + n, ELEMENTS(all) - n);
		for (size_t k = n; k < n + more; k++) {
			for (size_t j = 0; j < k; j++) {
				if (!streq(all[j].key, all[k].key))
					continue;
				(void)error_set(err, -EINVAL, "",
				                "container %s: port %s is already published by the pod",
				                c[i].name, all[k].key);
				return ENGINE_E_REFUSED;
			}
		}
		n += more;
	}
	if (n < ELEMENTS(all))
		return ENGINE_OK;
	(void)error_set(err, -EINVAL, "", "the pod publishes more than %d ports", 2 * LIMIT_PORTS);
	return ENGINE_E_REFUSED;
}

enum engine_result engine_check_pod(const struct pod *pod, const struct engine_info *info, struct error *err)
{
	const struct container *c = LIST_ITEMS(&pod->containers, struct container);
	if (pod->containers.count == 0 || pod->containers.count > LIMIT_CONTAINERS) {
		(void)error_set(err, -EINVAL, "", "a pod has from 1 to %d containers, this one has %zu",
		                LIMIT_CONTAINERS, pod->containers.count);
		return ENGINE_E_REFUSED;
	}
	for (size_t i = 0; i < pod->containers.count; i++) {
		enum engine_result r = check_limits(&c[i], info, err);
		if (!r)
			r = check_ports(&c[i], err);
		if (r)
			return r;
	}
	return check_twice(pod, err);
}
