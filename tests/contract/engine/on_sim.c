/* The simulated engine: one machine for each test. */
#include "contract/engine/drive.h"
#include "controllers/runner/engine_sim/sim.h"

static void begin(struct world *w)
{
	struct sim_machine *m = sim_machine_new(w->loop, 1);
	for (size_t i = 0; i < n_programs; i++) {
		const struct program *p = &programs[i];
		sim_image_set(m, p->image, true);
		sim_program_set(m, p->image,
		                &(struct sim_program){.start = p->start,
		                                      .text = p->start ? "exec: it can not be run" : NULL,
		                                      .run_ms = p->ends ? 5 : 0,
		                                      .exit_code = p->exit_code,
		                                      .ignores_term = p->ignores_term});
	}
	sim_costs_set(m, &(struct sim_costs){.connect = 1,
	                                     .create = 1,
	                                     .start = 3,
	                                     .stop = 2,
	                                     .remove = 2,
	                                     .image = 5,
	                                     .report = 1,
	                                     .deadline = 500});
	w->own = m;
}

static void end(struct world *w)
{
	w->own = sim_machine_free(w->own);
}

static struct engine *connect_sim(struct world *w, const struct engine_callbacks *cbs)
{
	return sim_engine_new(w->own, &(struct engine_config){.node = w->node}, cbs, w);
}

static void crash(struct world *w, const char *pod, const char *container)
{
	sim_exit(w->own, pod, container, 137, false);
}

static void rm(struct world *w, const char *pod, const char *container)
{
	sim_rm(w->own, pod, container);
}

static void start(struct world *w, const char *pod, const char *container)
{
	sim_start(w->own, pod, container);
}

static void pause_it(struct world *w, const char *pod, const char *container, bool pause)
{
	sim_pause(w->own, pod, container, pause);
}

static void oom(struct world *w, const char *pod, const char *container)
{
	sim_exit(w->own, pod, container, 137, true);
}

static void say(struct world *w, const char *pod, const char *container, int stream, const char *text)
{
	sim_write(w->own, pod, container, stream, text);
}

static long mark(struct world *w _unused_, const char *pod _unused_, const char *container _unused_)
{
	return 0;
}

static void crash_away(struct world *w, long none _unused_, const char *pod, const char *container)
{
	sim_exit(w->own, pod, container, 137, false);
}

static unsigned starts(struct world *w, const char *pod, const char *container)
{
	return sim_starts(w->own, pod, container);
}

static void port(struct world *w, unsigned number, bool taken)
{
	sim_port_set(w->own, (uint16_t)number, taken);
}

static void tag(struct world *w, const char *from _unused_, const char *to)
{
	sim_image_set(w->own, to, true);
}

static void untag(struct world *w, const char *ref)
{
	sim_image_set(w->own, ref, false);
}

static char *registry(struct world *w, const char *name)
{
	static const struct {
		const char *name, *text;
		enum engine_result result;
	} rows[] = {
	        {"good", "", ENGINE_OK},
	        {"digest", "", ENGINE_OK},
	        {"moved", "", ENGINE_OK},
	        {"slow", "", ENGINE_OK},
	        {"unknown", "manifest unknown", ENGINE_E_NO_IMAGE},
	        {"unauthorised", "unauthorized: authentication required", ENGINE_E_NO_IMAGE},
	        {"too-many", "toomanyrequests", ENGINE_E_FAILED},
	        {"broken", "received unexpected HTTP status: 503", ENGINE_E_FAILED},
	        {"damaged", "filesystem layer verification failed", ENGINE_E_FAILED},
	        {"refused", "connection refused", ENGINE_E_FAILED},
	        {"no-tls", "tls: first record does not look like a TLS handshake", ENGINE_E_FAILED},
	};
	char *ref = mem_printf("registry.test/%s:1", name);
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		if (streq(rows[i].name, name))
			sim_registry_set(w->own, ref, rows[i].result, rows[i].text);
	if (streq(name, "slow") || streq(name, "hang"))
		sim_fault_add(w->own, SIM_PULL, SIM_SLOW, 1);
	return ref;
}

static void foreign(struct world *w, const char *project _unused_, const char *pod, const char *container)
{
	sim_foreign_set(w->own, pod, container, true);
}

static bool foreign_intact(struct world *w)
{
	return sim_foreign_intact(w->own);
}

static unsigned count(struct world *w)
{
	return sim_count(w->own, w->node);
}

static void hang(struct world *w)
{
	sim_hang(w->own, true);
}

static void wake(struct world *w)
{
	sim_hang(w->own, false);
}

static void down(struct world *w, bool hard)
{
	sim_down(w->own, hard, w->maker->live);
}

static void up(struct world *w)
{
	sim_up(w->own);
}

static void cut(struct world *w, bool off)
{
	if (off)
		sim_down(w->own, true, true);
	else
		sim_up(w->own);
}

static void cut_next(struct world *w, const char *what, int ms)
{
	sim_fault_add(w->own, streq(what, "create") ? SIM_CREATE : SIM_START,
	              ms < 0 ? SIM_NOT_HEARD : SIM_LOST, 1);
}

#define COMMON                                                                                        \
	.connect = connect_sim, .begin = begin, .end = end, .crash = crash, .rm = rm, .start = start, \
	.pause = pause_it, .oom = oom, .say = say, .mark = mark, .crash_away = crash_away,            \
	.foreign = foreign, .foreign_intact = foreign_intact, .count = count, .starts = starts,       \
	.port = port, .tag = tag, .untag = untag, .registry = registry, .hang = hang, .wake = wake,   \
	.down = down, .up = up, .cut = cut, .cut_next = cut_next

const struct maker maker_sim = {COMMON, .name = "sim"};
const struct maker maker_sim_live = {COMMON, .name = "sim, live", .live = true};
