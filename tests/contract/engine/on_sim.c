/* The simulated engine: one machine for each test. */
#include "contract/engine/drive.h"
#include "controllers/runner/engine_sim/sim.h"

static void begin(struct world *w)
{
	struct sim_machine *m = sim_machine_new(w->loop, 1);
	struct sim_program refused = {.start = ENGINE_E_REFUSED, .text = "exec: no such file or directory"};
	sim_image_set(m, HELLO, true);
	sim_image_set(m, "no-command:test", true);
	sim_program_set(m, "no-command:test", &refused);
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
	sim_down(w->own, hard, false);
}

static void up(struct world *w)
{
	sim_up(w->own);
}

const struct maker maker_sim = {
        .name = "sim",
        .connect = connect_sim,
        .begin = begin,
        .end = end,
        .crash = crash,
        .rm = rm,
        .start = start,
        .foreign = foreign,
        .foreign_intact = foreign_intact,
        .count = count,
        .hang = hang,
        .wake = wake,
        .down = down,
        .up = up,
};
