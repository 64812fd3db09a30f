/* What the machine (machine.c, control.c) and its engines (engine.c, ops.c, port.c, logs.c) share. Not for others. */
#pragma once

#include "controllers/runner/engine_sim/sim.h"
#include "core/list.h"
#include "core/map.h"
#include "core/str.h"

struct sim_line {
	int64_t at_ms; /* wall clock */
	int stream;
	char *text; /* as it was written: with its newline, if it had one */
};

struct sim_container {
	char *name, *image;
	uint64_t spec; /* hash of what it was made from */
	enum engine_state state;
	bool paused, oom;
	int64_t exit_code, started_at, finished_at;
	uint64_t exits;
	unsigned starts;
	char *error;
	char **port_keys; /* published ports, "80/tcp" */
	uint16_t *port_wanted, *port_given;
	size_t n_ports;
	uint64_t space; /* the pod's namespace it was started in */
	bool ignores_term;
	struct loop_timer timer; /* the program's end */
	struct sim_line *lines;
	size_t n_lines;
	uint64_t serial; /* no other container of the machine has it */
	struct sim_pod *pod;
};

struct sim_pod {
	struct sim_machine *m;
	char *node, *project, *name, *service, *revision;
	uint64_t cluster;
	int64_t rev;
	char address[24];
	bool several;
	bool infra, infra_runs; /* of a pod with several containers */
	uint64_t space;		/* counts the starts of the infra */
	struct sim_container **containers; /* by name */
	size_t n;
};

struct sim_machine {
	struct loop *loop;
	uint64_t dice;
	struct sim_costs costs;
	int64_t cpus, memory;
	struct map images;   /* ref -> this */
	struct map registry; /* ref -> struct sim_offer */
	struct map programs; /* image -> struct sim_program, owned */
	struct map pods;     /* name -> struct sim_pod */
	struct map foreign;  /* "pod/container" -> this */
	struct map ports;    /* number as text -> this: taken by other programs */
	struct list engines; /* struct sim_engine */
	struct list faults;  /* struct sim_fault_entry */
	unsigned chaos;
	bool hung, gone, stop_at_return, live;
	unsigned next_address, next_port;
	uint64_t operations, serials;
};

struct sim_fault_entry {
	struct list link;
	enum sim_op op;
	enum sim_fault fault;
	unsigned times;
};

struct sim_offer {
	enum engine_result result;
	char *text;
};

/* The first member of all that the port hands out as struct engine_op. */
struct sim_operation {
	struct list link; /* in one of the engine's lists */
	struct sim_engine *e;
	engine_done_fn *done; /* NULL: cancelled, or told already */
	void *ctx;
	void (*free)(struct sim_operation *op);
	enum engine_result result;
	struct error err;
};

struct sim_engine {
	struct engine base;
	struct list link; /* machine->engines */
	struct sim_machine *m;
	struct engine_callbacks cbs;
	void *ctx;
	char *node;
	unsigned parallel, busy;
	struct loop_timer connect;
	struct loop_timer reports;
	struct loop_task turn;
	bool tell_up;
	char *tell_down;
	struct map changed;  /* pod -> this: to be reported */
	struct map reported; /* pod -> this */
	struct map asked;    /* ref -> (present ? this : m) */
	struct list waiting; /* operations that wait for their pod or a slot */
	struct list running;
	struct list finished;
	struct list logs; /* open log streams */
};

enum sim_op_kind { OP_FIND, OP_PULL, OP_IMPORT, OP_CREATE, OP_START, OP_STOP, OP_REMOVE, OP_REPAIR };

struct sim_work {
	struct sim_operation op;
	enum sim_op_kind kind;
	char *pod, *container, *ref;
	int64_t grace_ms;
	struct pod *spec; /* create */
	uint64_t cluster;
	int64_t rev;
	void (*on_progress)(void *ctx, int64_t now, int64_t total);
	struct loop_timer timer, deadline;
	bool slot;
	bool telling; /* pull: inside of on_progress */
	bool halfway; /* pull: the first half was told; remove: the programs were stopped */
	bool stalled; /* it came due while the engine hung */
	bool faulty;
	enum sim_fault fault;
};

/* --- machine.c */
uint64_t sim_roll(struct sim_machine *m);
void sim_offer_free(void *p);
void sim_program_free(void *p);
struct sim_container *sim_find(const struct sim_machine *m, const char *pod, const char *container);
void sim_changed(struct sim_machine *m, const struct sim_pod *pod);
/* Its program ended. */
void sim_exited(struct sim_container *c, int64_t code, bool oom);
enum engine_result sim_program_start(struct sim_machine *m, struct sim_container *c, struct error *err);
void sim_container_remove(struct sim_pod *pod, size_t at);
void sim_add_line(struct sim_container *c, int stream, const char *text);
/* The network of a pod with several containers, which has their ports. Not needed, or there already: ENGINE_OK. */
enum engine_result sim_infra_start(struct sim_pod *pod, struct error *err);
void sim_infra_stop(struct sim_pod *pod);
/* These are what the operations do, at once; text: the reason of a refusal. */
enum engine_result sim_do_create(struct sim_machine *m, const char *node, const struct pod *from, uint64_t cluster,
				 int64_t rev, struct error *err);
/* NULL: there is none of ours. */
enum engine_result sim_do_start(struct sim_container *c, struct error *err);
void sim_do_stop(struct sim_container *c);
enum engine_result sim_do_repair(struct sim_pod *pod, struct error *err);
bool sim_broken(const struct sim_pod *pod);
void sim_pod_remove(struct sim_machine *m, struct sim_pod *pod);
/* True: a fault is to be met. */
bool sim_fault_take(struct sim_machine *m, enum sim_op op, enum sim_fault *ret);

/* --- engine.c */
void sim_engine_lost(struct sim_engine *e, const char *text);
void sim_engine_connect(struct sim_engine *e);
void sim_engine_pod(struct sim_engine *e, const char *pod);
void sim_engine_images(struct sim_engine *e);
/* Reports pod now, if it is to be reported. */
void sim_engine_flush(struct sim_engine *e);

void sim_operation_init(struct sim_engine *e, struct sim_operation *op, engine_done_fn *done, void *ctx,
			void (*free_op)(struct sim_operation *));
/* It is told in the turn, after the pods that changed. */
void sim_operation_end(struct sim_operation *op, enum engine_result result, const struct error *err);

/* --- ops.c */
struct sim_work *sim_work_new(struct engine *base, enum sim_op_kind kind, const char *pod, engine_done_fn *done,
			      void *ctx);
/* Queues it, or ends it when the engine is away. */
struct engine_op *sim_work_begin(struct sim_work *w);
void sim_cancel(struct engine *base, struct engine_op *handle);
/* Tells the ends of operations. */
void sim_ops_turn(struct sim_engine *e);
/* The engine is gone: what is under way ends with an unknown outcome, what waits with none. */
void sim_ops_lost(struct sim_engine *e);
/* It answers again: what it was asked for meanwhile is carried out. */
void sim_ops_wake(struct sim_engine *e);
void sim_ops_free(struct sim_engine *e);

/* --- port.c */
struct engine_op *sim_image_find(struct engine *e, const char *ref, engine_done_fn *done, void *ctx);
struct engine_op *sim_image_pull(struct engine *e, const char *ref, void (*on_progress)(void *, int64_t, int64_t),
				 engine_done_fn *done, void *ctx);
struct engine_op *sim_image_import(struct engine *e, const char *ref, const char *tar, size_t len,
				   const char *entrypoint, engine_done_fn *done, void *ctx);
struct engine_op *sim_pod_create(struct engine *e, const struct pod *pod, uint64_t cluster, int64_t rev,
				 engine_done_fn *done, void *ctx);
struct engine_op *sim_container_start(struct engine *e, const char *pod, const char *container, engine_done_fn *done,
				      void *ctx);
struct engine_op *sim_container_stop(struct engine *e, const char *pod, const char *container, int64_t grace_ms,
				     engine_done_fn *done, void *ctx);
struct engine_op *sim_pod_remove_op(struct engine *e, const char *pod, int64_t grace_ms, engine_done_fn *done,
				    void *ctx);
struct engine_op *sim_pod_repair(struct engine *e, const char *pod, int64_t grace_ms, engine_done_fn *done, void *ctx);

/* --- logs.c */
struct engine_op *sim_logs(struct engine *e, const struct engine_logs_request *req);
void sim_logs_resume(struct engine *e, struct engine_op *handle);
/* New lines, or the end of a container: whoever follows its log. */
void sim_logs_wake(struct sim_engine *e, const struct sim_container *c);
