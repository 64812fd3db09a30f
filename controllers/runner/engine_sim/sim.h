/*
 * A simulated container engine behind the engine port, for tests and the simulator: it runs on the loop's timers, with
 * costs, failures, hangs and programs that end as they are told to.
 *
 * The machine holds the truth (images, pods, what runs). It outlives its engines, as containers outlive a runner: free
 * the engine, make a new one on the same machine, and it finds what was there. From one seed everything that the machine
 * decides by itself is the same in each run.
 *
 * Control functions act at once and take names of pods and of containers in them; container NULL is what holds the
 * network of a pod with several containers. They are harmless for what does not exist.
 */
#pragma once

#include "controllers/runner/engine.h"

struct sim_machine;

/* How long things take, ms. Operations vary by up to a quarter. */
struct sim_costs {
	int64_t connect, create, start, stop, remove, image;
	int64_t report;	  /* from a change to the engine's word about it */
	int64_t deadline; /* of an operation while the engine hangs */
};

struct sim_machine *sim_machine_new(struct loop *loop, uint64_t seed) _nonnull_(1);
/* Its engines have to be freed before. NULL is fine; returns NULL. */
struct sim_machine *sim_machine_free(struct sim_machine *m);
void sim_costs_set(struct sim_machine *m, const struct sim_costs *costs) _nonnull_(1, 2);
/* 4 cores and 8 GB, when not said. */
void sim_machine_size(struct sim_machine *m, int64_t cpus, int64_t memory) _nonnull_(1);

/* As engine_docker_new(). */
struct engine *sim_engine_new(struct sim_machine *m, const struct engine_config *cfg, const struct engine_callbacks *cbs,
			      void *ctx) _nonnull_(1, 2, 3);
/* The same for a process with a loop of its own, which hears of the machine there; the machine works on without it. */
struct engine *sim_engine_new_on(struct sim_machine *m, struct loop *loop, const struct engine_config *cfg,
				 const struct engine_callbacks *cbs, void *ctx) _nonnull_(1, 2, 3, 4);

/* --- images and programs --- */

void sim_image_set(struct sim_machine *m, const char *ref, bool present) _nonnull_(1, 2);
/* What a pull of ref brings, text being the error's; without a word an image can not be pulled (ENGINE_E_NO_IMAGE). */
void sim_registry_set(struct sim_machine *m, const char *ref, enum engine_result result, const char *text)
	_nonnull_(1, 2);

struct sim_program {
	enum engine_result start; /* ENGINE_OK, or how starting it ends */
	const char *text;	  /* of that failure; copied */
	int64_t run_ms;		  /* it ends by itself after so long; 0: never */
	int64_t exit_code;	  /* then */
	bool ignores_term;	  /* it takes the whole grace to stop, and 137 */
	const char *output;	  /* a line on stdout at the start; copied */
};
/* What the containers of this image do from their next start on. */
void sim_program_set(struct sim_machine *m, const char *image, const struct sim_program *p) _nonnull_(1, 2, 3);

/* --- what happens to a machine --- */

void sim_exit(struct sim_machine *m, const char *pod, const char *container, int64_t code, bool oom) _nonnull_(1, 2);
void sim_rm(struct sim_machine *m, const char *pod, const char *container) _nonnull_(1, 2);
void sim_start(struct sim_machine *m, const char *pod, const char *container) _nonnull_(1, 2);
void sim_pause(struct sim_machine *m, const char *pod, const char *container, bool pause) _nonnull_(1, 2, 3);
/* A line, or any text as one write: with the newlines that it has. */
void sim_log(struct sim_machine *m, const char *pod, const char *container, int stream, const char *line)
	_nonnull_(1, 2, 3, 5);
void sim_write(struct sim_machine *m, const char *pod, const char *container, int stream, const char *text)
	_nonnull_(1, 2, 3, 5);
/* Somebody else has the name that this container would get. */
void sim_foreign_set(struct sim_machine *m, const char *pod, const char *container, bool present) _nonnull_(1, 2, 3);
/* Another program listens on the host port. */
void sim_port_set(struct sim_machine *m, uint16_t port, bool taken) _nonnull_(1);

enum sim_op { SIM_PULL, SIM_CREATE, SIM_START, SIM_STOP, SIM_REMOVE, SIM_REPAIR };
enum sim_fault {
	SIM_FAILS,     /* ENGINE_E_FAILED, nothing was done */
	SIM_LOST,      /* done, but the answer is lost: ENGINE_E_UNKNOWN */
	SIM_NOT_HEARD, /* not done, and nobody knows: ENGINE_E_UNKNOWN */
	SIM_SLOW,      /* ten times its cost */
};
/* The next `times` operations of this kind meet the fault. */
void sim_fault_add(struct sim_machine *m, enum sim_op op, enum sim_fault fault, unsigned times) _nonnull_(1);
/* Besides, of a thousand operations so many meet a fault that the seed decides. */
void sim_chaos_set(struct sim_machine *m, unsigned per_mille) _nonnull_(1);

/* The engine answers nothing until it wakes; what it was asked for is carried out then. */
void sim_hang(struct sim_machine *m, bool hang) _nonnull_(1);
/*
 * The engine ends. Softly: it stops all containers. Hard (killed): they run on until it comes back, and are stopped
 * then. With live set, they run on in both cases.
 */
void sim_down(struct sim_machine *m, bool hard, bool live) _nonnull_(1);
void sim_up(struct sim_machine *m) _nonnull_(1);

/* --- questions for tests --- */

/* Containers of the node, those that hold networks included. */
unsigned sim_count(const struct sim_machine *m, const char *node) _nonnull_(1, 2);
/* How often the container was started; 0 also when there is none. */
unsigned sim_starts(const struct sim_machine *m, const char *pod, const char *container) _nonnull_(1, 2);
/* Creates, starts, stops and removals carried out so far. */
uint64_t sim_operations(const struct sim_machine *m) _nonnull_(1);
/* A container of the name that was foreign was never touched. */
bool sim_foreign_intact(const struct sim_machine *m) _nonnull_(1);
