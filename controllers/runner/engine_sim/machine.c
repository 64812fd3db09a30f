/* The simulated machine: the truth about images, pods and programs, and what happens to them from outside. */
#include "controllers/runner/engine_sim/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "controllers/runner/engine_check/check.h"
#include "core/clock.h"
#include "core/limits.h"
#include "core/mem.h"

#define LINES_MAX 10000 /* of one container's log */

/* xorshift64 */
uint64_t sim_roll(struct sim_machine *m)
{
	m->dice ^= m->dice << 13;
	m->dice ^= m->dice >> 7;
	m->dice ^= m->dice << 17;
	return m->dice;
}

struct sim_machine *sim_machine_new(struct loop *loop, uint64_t seed)
{
	struct sim_machine *m = NEW(struct sim_machine);
	m->loop = loop;
	m->dice = seed | 1;
	for (int i = 0; i < 8; i++)
		(void)sim_roll(m); /* small seeds differ in few bits */
	m->costs = (struct sim_costs){.connect = 1,
	                              .create = 1,
	                              .start = 3,
	                              .stop = 2,
	                              .remove = 2,
	                              .image = 5,
	                              .report = 1,
	                              .deadline = 30000};
	m->cpus = 4000;
	m->memory = INT64_C(8000000000);
	list_init(&m->engines);
	list_init(&m->faults);
	return m;
}

static void container_free(struct sim_container *c)
{
	loop_timer_stop(&c->timer);
	for (size_t i = 0; i < c->n_ports; i++)
		free(c->port_keys[i]);
	for (size_t i = 0; i < c->n_lines; i++)
		free(c->lines[i].text);
	free(c->port_keys);
	free(c->port_wanted);
	free(c->port_given);
	free(c->lines);
	free(c->error);
	free(c->image);
	free(c->name);
	free(c);
}

static void pod_free(void *p)
{
	struct sim_pod *pod = p;
	for (size_t i = 0; i < pod->n; i++)
		container_free(pod->containers[i]);
	free(pod->containers);
	free(pod->node);
	free(pod->project);
	free(pod->name);
	free(pod->service);
	free(pod->revision);
	free(pod);
}

void sim_offer_free(void *p)
{
	struct sim_offer *o = p;
	free(o->text);
	free(o);
}

void sim_program_free(void *p)
{
	struct sim_program *program = p;
	free((char *)program->text);
	free((char *)program->output);
	free(program);
}

struct sim_machine *sim_machine_free(struct sim_machine *m)
{
	if (!m)
		return NULL;
	map_done(&m->pods, pod_free);
	map_done(&m->registry, sim_offer_free);
	map_done(&m->programs, sim_program_free);
	map_done(&m->images, NULL);
	map_done(&m->foreign, NULL);
	map_done(&m->ports, NULL);
	list_for_each_safe (node, &m->faults)
		free(list_entry(node, struct sim_fault_entry, link));
	free(m);
	return NULL;
}

void sim_costs_set(struct sim_machine *m, const struct sim_costs *costs)
{
	m->costs = *costs;
}

void sim_machine_size(struct sim_machine *m, int64_t cpus, int64_t memory)
{
	m->cpus = cpus;
	m->memory = memory;
}

void sim_changed(struct sim_machine *m, const struct sim_pod *pod)
{
	list_for_each (node, &m->engines) {
		struct sim_engine *e = list_entry(node, struct sim_engine, link);
		if (streq(e->node, pod->node))
			sim_engine_pod(e, pod->name);
	}
}

static void logs_changed(struct sim_machine *m, const struct sim_container *c)
{
	list_for_each (node, &m->engines)
		sim_logs_wake(list_entry(node, struct sim_engine, link), c);
}

struct sim_container *sim_find(const struct sim_machine *m, const char *pod, const char *container)
{
	const struct sim_pod *p = map_get(&m->pods, pod);
	for (size_t i = 0; p && container && i < p->n; i++)
		if (streq(p->containers[i]->name, container))
			return p->containers[i];
	return NULL;
}

/* --- programs --- */

static void drop_ports(struct sim_container *c)
{
	for (size_t i = 0; i < c->n_ports; i++)
		c->port_given[i] = 0;
}

void sim_exited(struct sim_container *c, int64_t code, bool oom)
{
	struct sim_machine *m = c->pod->m;
	if (c->state != CONTAINER_RUNNING)
		return;
	loop_timer_stop(&c->timer);
	c->state = CONTAINER_EXITED;
	c->paused = false;
	c->exit_code = code;
	c->oom = oom;
	c->exits++;
	c->finished_at = clock_wall_ms();
	if (!c->pod->several)
		drop_ports(c);
	sim_changed(m, c->pod);
	logs_changed(m, c);
}

static void on_program_end(void *ctx)
{
	struct sim_container *c = ctx;
	const struct sim_program *p = map_get(&c->pod->m->programs, c->image);
	sim_exited(c, p ? p->exit_code : 0, false);
}

void sim_add_line(struct sim_container *c, int stream, const char *text)
{
	if (c->n_lines >= LINES_MAX)
		return;
	c->lines = mem_realloc_array(c->lines, c->n_lines + 1, sizeof(*c->lines));
	c->lines[c->n_lines++] =
	        (struct sim_line){.at_ms = clock_wall_ms(), .stream = stream, .text = mem_strdup(text)};
	logs_changed(c->pod->m, c);
}

static bool port_used(const struct sim_machine *m, const struct sim_container *self, uint16_t port)
{
	char text[8];
	(void)snprintf(text, sizeof(text), "%u", port);
	if (map_get(&m->ports, text))
		return true;
	map_for_each (e, &m->pods) {
		const struct sim_pod *pod = e->value;
		for (size_t i = 0; i < pod->n; i++)
			for (size_t k = 0; pod->containers[i] != self && k < pod->containers[i]->n_ports; k++)
				if (pod->containers[i]->port_given[k] == port)
					return true;
	}
	return false;
}

/* As Docker: a random port is another one after each start. */
static enum engine_result take_ports(struct sim_machine *m, struct sim_container *c, struct error *err)
{
	for (size_t i = 0; i < c->n_ports; i++) {
		uint16_t port = c->port_wanted[i];
		if (port && port_used(m, c, port)) {
			for (size_t k = 0; k < i; k++)
				c->port_given[k] = 0;
			(void)error_set(err, -EADDRINUSE, "",
			                "Bind for 0.0.0.0:%u failed: port is already allocated", port);
			return ENGINE_E_BUSY;
		}
		while (!port || (!c->port_wanted[i] && port_used(m, c, port)))
			port = (uint16_t)(32768 + m->next_port++ % 28000);
		c->port_given[i] = port;
	}
	return ENGINE_OK;
}

enum engine_result sim_program_start(struct sim_machine *m, struct sim_container *c, struct error *err)
{
	static const struct sim_program plain;
	const struct sim_program *p = map_get(&m->programs, c->image);
	if (!p)
		p = &plain;
	enum engine_result r = p->start;
	if (r)
		(void)error_set(err, -EIO, "", "%s", p->text ? p->text : "the program can not be started");
	else if (!c->pod->several)
		r = take_ports(m, c, err);
	free(c->error);
	c->error = r ? mem_strdup(err->text) : NULL;
	if (r) {
		sim_changed(m, c->pod);
		return r;
	}
	m->operations++;
	c->starts++;
	c->state = CONTAINER_RUNNING;
	c->paused = c->oom = false;
	c->exit_code = 0;
	c->started_at = MAX(clock_wall_ms(), c->started_at + 1);
	c->finished_at = 0;
	c->ignores_term = p->ignores_term;
	c->space = c->pod->space;
	if (p->run_ms)
		loop_timer_in(&c->timer, p->run_ms);
	if (p->output) {
		_cleanup_free_ char *line = mem_printf("%s\n", p->output);
		sim_add_line(c, 1, line);
	}
	sim_changed(m, c->pod);
	return ENGINE_OK;
}

/* --- the network of a pod with several containers: it has their ports --- */

void sim_infra_stop(struct sim_pod *pod)
{
	pod->infra_runs = false;
	for (size_t i = 0; pod->several && i < pod->n; i++)
		drop_ports(pod->containers[i]);
}

/* Not needed, or running: ENGINE_OK. */
enum engine_result sim_infra_start(struct sim_pod *pod, struct error *err)
{
	enum engine_result r = ENGINE_OK;
	if (!pod->several || pod->infra_runs)
		return ENGINE_OK;
	for (size_t i = 0; i < pod->n && !r; i++)
		r = take_ports(pod->m, pod->containers[i], err);
	if (r) {
		sim_infra_stop(pod);
		return r;
	}
	pod->infra_runs = true;
	pod->space++;
	return ENGINE_OK;
}

/* --- what operations do --- */

bool sim_broken(const struct sim_pod *pod)
{
	if (!pod->several || !pod->n)
		return false;
	if (!pod->infra)
		return true;
	for (size_t i = 0; i < pod->n; i++) {
		const struct sim_container *c = pod->containers[i];
		if (c->state == CONTAINER_RUNNING && (!pod->infra_runs || c->space != pod->space))
			return true;
	}
	return false;
}

static struct sim_container *container_new(struct sim_pod *pod, const struct container *from)
{
	struct engine_port ports[2 * LIMIT_PORTS];
	struct sim_container *c = NEW(struct sim_container);
	c->pod = pod;
	c->serial = ++pod->m->serials;
	c->name = mem_strdup(from->name);
	c->image = mem_strdup(from->image);
	c->spec = schema_hash(&container_schema, from, CHANGE_NONE, SCHEMA_HASH_INIT);
	c->state = CONTAINER_CREATED;
	c->n_ports = engine_ports(from, ports, ELEMENTS(ports));
	if (c->n_ports) {
		c->port_keys = mem_zalloc(c->n_ports * sizeof(*c->port_keys));
		c->port_wanted = mem_zalloc(c->n_ports * sizeof(*c->port_wanted));
		c->port_given = mem_zalloc(c->n_ports * sizeof(*c->port_given));
	}
	for (size_t i = 0; i < c->n_ports; i++) {
		c->port_keys[i] = mem_strdup(ports[i].key);
		c->port_wanted[i] = ports[i].host;
	}
	loop_timer_init(pod->m->loop, &c->timer, on_program_end, c);
	return c;
}

void sim_container_remove(struct sim_pod *pod, size_t at)
{
	struct sim_container *c = pod->containers[at];
	sim_exited(c, 137, false);
	memmove(pod->containers + at, pod->containers + at + 1, (pod->n - at - 1) * sizeof(*pod->containers));
	pod->n--;
	pod->m->operations++;
	logs_changed(pod->m, c);
	container_free(c);
}

static void container_insert(struct sim_pod *pod, struct sim_container *c)
{
	size_t at = 0;
	while (at < pod->n && strcmp(pod->containers[at]->name, c->name) < 0)
		at++;
	pod->containers = mem_realloc_array(pod->containers, pod->n + 1, sizeof(*pod->containers));
	memmove(pod->containers + at + 1, pod->containers + at, (pod->n - at) * sizeof(*pod->containers));
	pod->containers[at] = c;
	pod->n++;
	pod->m->operations++;
}

static struct sim_pod *pod_new(struct sim_machine *m, const char *node, const struct pod *from,
                               uint64_t cluster, int64_t rev)
{
	struct sim_pod *pod = NEW(struct sim_pod);
	unsigned host = m->next_address++ % 65000 + 2;
	pod->m = m;
	pod->node = mem_strdup(node);
	pod->project = mem_strdup(from->project);
	pod->name = mem_strdup(from->name);
	pod->service = mem_strdup(from->service);
	pod->revision = mem_strdup(from->revision);
	pod->cluster = cluster;
	pod->rev = rev;
	pod->several = from->containers.count > 1;
	(void)snprintf(pod->address, sizeof(pod->address), "172.17.%u.%u", host / 256 % 256, host % 256);
	(void)map_put(&m->pods, pod->name, pod);
	return pod;
}

enum engine_result sim_do_create(struct sim_machine *m, const char *node, const struct pod *from,
                                 uint64_t cluster, int64_t rev, struct error *err)
{
	const struct container *want = LIST_ITEMS(&from->containers, struct container);
	struct sim_pod *pod = map_get(&m->pods, from->name);
	enum engine_result r = ENGINE_OK;
	if (pod && (!streq(pod->node, node) || !streq(pod->project, from->project))) {
		(void)error_set(err, -EEXIST, "", "the name %s is taken by a pod of somebody else",
		                from->name);
		return ENGINE_E_NAME_TAKEN;
	}
	if (!pod)
		pod = pod_new(m, node, from, cluster, rev);
	if (pod->several && !pod->infra) {
		while (pod->n) /* what outlived its namespace can never start again */
			sim_container_remove(pod, 0);
		pod->infra = true;
		m->operations++;
	}
	for (size_t i = 0; i < from->containers.count && !r; i++) {
		struct sim_container *c = sim_find(m, from->name, want[i].name);
		if (c && c->spec == schema_hash(&container_schema, &want[i], CHANGE_NONE, SCHEMA_HASH_INIT))
			continue;
		for (size_t k = 0; c && k < pod->n; k++)
			if (pod->containers[k] == c) {
				sim_container_remove(pod, k);
				break;
			}
		char path[2 * POD_NAME_SIZE];
		(void)snprintf(path, sizeof(path), "%s/%s", from->name, want[i].name);
		if (map_get(&m->foreign, path)) {
			(void)error_set(err, -EEXIST, "",
			                "the container name %s is taken by one that is not tug's: remove or "
			                "rename it",
			                path);
			r = ENGINE_E_NAME_TAKEN;
		} else if (!map_get(&m->images, want[i].image)) {
			(void)error_set(err, -ENOENT, "", "No such image: %s", want[i].image);
			r = ENGINE_E_NO_IMAGE;
		} else {
			container_insert(pod, container_new(pod, &want[i]));
		}
	}
	sim_changed(m, pod);
	if (!pod->n && !pod->infra)
		sim_pod_remove(m, pod);
	return r;
}

enum engine_result sim_do_start(struct sim_container *c, struct error *err)
{
	if (!c) {
		(void)error_set(err, -ENOENT, "", "the container does not exist");
		return ENGINE_E_GONE;
	}
	if (c->state == CONTAINER_RUNNING)
		return ENGINE_OK;
	struct sim_pod *pod = c->pod;
	if (pod->several && !pod->infra) {
		(void)error_set(err, -EINVAL, "",
		                "the pod's shared network was removed: the pod has to be made again");
		return ENGINE_E_FAILED;
	}
	if (pod->several && !pod->infra_runs) {
		for (size_t i = 0; i < pod->n; i++) {
			if (pod->containers[i]->state != CONTAINER_RUNNING)
				continue;
			(void)error_set(err, -EINVAL, "",
			                "the pod's shared network is down: the pod has to be repaired");
			return ENGINE_E_FAILED;
		}
	}
	enum engine_result r = sim_infra_start(pod, err);
	return r ? r : sim_program_start(pod->m, c, err);
}

void sim_do_stop(struct sim_container *c)
{
	c->pod->m->operations++;
	sim_exited(c, c->ignores_term ? 137 : 0, false);
}

void sim_pod_remove(struct sim_machine *m, struct sim_pod *pod)
{
	while (pod->n)
		sim_container_remove(pod, pod->n - 1);
	sim_changed(m, pod);
	(void)map_remove(&m->pods, pod->name);
	pod_free(pod);
}

enum engine_result sim_do_repair(struct sim_pod *pod, struct error *err)
{
	if (!pod || (pod->several && !pod->infra)) {
		(void)error_set(err, -ENOENT, "",
		                "the pod's shared network was removed: the pod has to be made again");
		return ENGINE_E_GONE;
	}
	bool cut[LIMIT_CONTAINERS] = {false};
	for (size_t i = 0; i < pod->n; i++) {
		struct sim_container *c = pod->containers[i];
		cut[i] = pod->several && c->state == CONTAINER_RUNNING &&
		         (!pod->infra_runs || c->space != pod->space);
		if (cut[i])
			sim_do_stop(c);
	}
	enum engine_result first = sim_infra_start(pod, err);
	for (size_t i = 0; i < pod->n && pod->infra_runs; i++) {
		enum engine_result r =
		        cut[i] ? sim_program_start(pod->m, pod->containers[i], err) : ENGINE_OK;
		first = first ? first : r;
	}
	sim_changed(pod->m, pod);
	return first;
}
