/* What tests do to a machine from outside: programs that end, faults, hangs; and what they may ask it. */
#include "controllers/runner/engine_sim/internal.h"

#include <stdio.h>

#include "core/mem.h"

void sim_image_set(struct sim_machine *m, const char *ref, bool present)
{
	if (present)
		(void)map_put(&m->images, ref, m);
	else
		(void)map_remove(&m->images, ref);
	list_for_each (node, &m->engines)
		sim_engine_images(list_entry(node, struct sim_engine, link));
}

void sim_registry_set(struct sim_machine *m, const char *ref, enum engine_result result, const char *text)
{
	struct sim_offer *o = NEW(struct sim_offer), *old;
	o->result = result;
	o->text = mem_strdup(text ? text : "");
	old = map_put(&m->registry, ref, o);
	if (old)
		sim_offer_free(old);
}

void sim_program_set(struct sim_machine *m, const char *image, const struct sim_program *p)
{
	struct sim_program *copy = mem_dup(p, sizeof(*p)), *old;
	copy->text = mem_strdup(p->text);
	copy->output = mem_strdup(p->output);
	old = map_put(&m->programs, image, copy);
	if (old)
		sim_program_free(old);
}

void sim_exit(struct sim_machine *m, const char *pod, const char *container, int64_t code, bool oom)
{
	struct sim_container *c = sim_find(m, pod, container);
	struct sim_pod *p = map_get(&m->pods, pod);
	if (c) {
		sim_exited(c, code, oom);
	} else if (p && !container && p->infra_runs) {
		sim_infra_stop(p);
		sim_changed(m, p);
	}
}

void sim_rm(struct sim_machine *m, const char *pod, const char *container)
{
	struct sim_pod *p = map_get(&m->pods, pod);
	if (!p)
		return;
	if (!container) {
		p->infra = false;
		sim_infra_stop(p);
	}
	for (size_t i = 0; container && i < p->n; i++)
		if (streq(p->containers[i]->name, container)) {
			sim_container_remove(p, i);
			break;
		}
	sim_changed(m, p);
	if (!p->n && !p->infra)
		sim_pod_remove(m, p);
}

void sim_start(struct sim_machine *m, const char *pod, const char *container)
{
	struct sim_container *c = sim_find(m, pod, container);
	struct sim_pod *p = map_get(&m->pods, pod);
	struct error err = {0};
	if (c && c->state != CONTAINER_RUNNING) {
		(void)sim_program_start(m, c, &err);
	} else if (p && !container && p->infra) {
		(void)sim_infra_start(p, &err);
		sim_changed(m, p);
	}
}

void sim_pause(struct sim_machine *m, const char *pod, const char *container, bool pause)
{
	struct sim_container *c = sim_find(m, pod, container);
	if (!c || c->state != CONTAINER_RUNNING)
		return;
	c->paused = pause;
	sim_changed(m, c->pod);
}

void sim_log(struct sim_machine *m, const char *pod, const char *container, int stream, const char *line)
{
	_cleanup_free_ char *text = mem_printf("%s\n", line);
	sim_write(m, pod, container, stream, text);
}

void sim_write(struct sim_machine *m, const char *pod, const char *container, int stream, const char *text)
{
	struct sim_container *c = sim_find(m, pod, container);
	if (c)
		sim_add_line(c, stream, text);
}

void sim_foreign_set(struct sim_machine *m, const char *pod, const char *container, bool present)
{
	_cleanup_free_ char *path = mem_printf("%s/%s", pod, container);
	if (present)
		(void)map_put(&m->foreign, path, m);
	else
		(void)map_remove(&m->foreign, path);
}

void sim_port_set(struct sim_machine *m, uint16_t port, bool taken)
{
	char text[8];
	(void)snprintf(text, sizeof(text), "%u", port);
	if (taken)
		(void)map_put(&m->ports, text, m);
	else
		(void)map_remove(&m->ports, text);
}

void sim_fault_add(struct sim_machine *m, enum sim_op op, enum sim_fault fault, unsigned times)
{
	struct sim_fault_entry *f = NEW(struct sim_fault_entry);
	f->op = op;
	f->fault = fault;
	f->times = times;
	list_append(&m->faults, &f->link);
}

void sim_chaos_set(struct sim_machine *m, unsigned per_mille)
{
	m->chaos = per_mille;
}

bool sim_fault_take(struct sim_machine *m, enum sim_op op, enum sim_fault *ret)
{
	list_for_each_safe (node, &m->faults) {
		struct sim_fault_entry *f = list_entry(node, struct sim_fault_entry, link);
		if (f->op != op)
			continue;
		*ret = f->fault;
		if (--f->times == 0) {
			list_remove(&f->link);
			free(f);
		}
		return true;
	}
	if (!m->chaos || sim_roll(m) % 1000 >= m->chaos)
		return false;
	*ret = (enum sim_fault)(sim_roll(m) % (SIM_SLOW + 1));
	return true;
}

static void stop_all(struct sim_machine *m)
{
	map_for_each (e, &m->pods) {
		struct sim_pod *pod = e->value;
		sim_infra_stop(pod);
		for (size_t i = 0; i < pod->n; i++)
			sim_exited(pod->containers[i], pod->containers[i]->ignores_term ? 137 : 0, false);
		sim_changed(m, pod);
	}
}

void sim_hang(struct sim_machine *m, bool hang)
{
	m->hung = hang;
	if (hang)
		return;
	list_for_each (node, &m->engines) {
		struct sim_engine *e = list_entry(node, struct sim_engine, link);
		sim_ops_wake(e);
		sim_engine_connect(e);
	}
}

void sim_down(struct sim_machine *m, bool hard, bool live)
{
	m->gone = true;
	m->live = live;
	m->stop_at_return = hard && !live;
	list_for_each (node, &m->engines)
		sim_engine_lost(list_entry(node, struct sim_engine, link),
		                "connect to the engine: Connection refused");
	if (!hard && !live)
		stop_all(m);
}

void sim_up(struct sim_machine *m)
{
	m->gone = false;
	if (m->stop_at_return)
		stop_all(m);
	m->stop_at_return = false;
	list_for_each (node, &m->engines)
		sim_engine_connect(list_entry(node, struct sim_engine, link));
}

/* --- questions --- */

unsigned sim_count(const struct sim_machine *m, const char *node)
{
	size_t n = 0;
	map_for_each (e, &m->pods) {
		const struct sim_pod *pod = e->value;
		if (streq(pod->node, node))
			n += pod->n + pod->infra;
	}
	return (unsigned)n;
}

unsigned sim_starts(const struct sim_machine *m, const char *pod, const char *container)
{
	const struct sim_container *c = sim_find(m, pod, container);
	return c ? c->starts : 0;
}

uint64_t sim_operations(const struct sim_machine *m)
{
	return m->operations;
}

bool sim_foreign_intact(const struct sim_machine *m)
{
	map_for_each (e, &m->foreign) {
		const char *slash = strchr(e->key, '/');
		_cleanup_free_ char *pod = mem_strndup(e->key, (size_t)(slash - e->key));
		if (sim_find(m, pod, slash + 1))
			return false;
	}
	return true;
}
