/*
 * Drives an engine through its port: what the contract suite is written in. A world is one runner's view: an engine, the
 * pods that it reported, and the answer to the last operation. The implementations differ in what they can be asked to
 * do from outside (struct maker): each test runs on all that have what it needs.
 */
#pragma once

#include "controllers/runner/engine.h"
#include "core/clock.h"
#include "core/limits.h"
#include "core/map.h"
#include "core/mem.h"
#include "core/str.h"
#include "lib/test.h"

#define WAIT_MS 30000

struct world;

/* Everything takes names of the pod and of the container in it; container NULL: what holds the pod's network. */
struct maker {
	const char *name;
	bool real; /* programs run, ports are open, pulls come from a registry */
	bool live; /* containers outlive an engine that ends */
	struct engine *(*connect)(struct world *w, const struct engine_callbacks *cbs);
	void (*begin)(struct world *w);
	void (*end)(struct world *w);
	/* Kills the container's program from outside, as a crash; or removes the container by hand. */
	void (*crash)(struct world *w, const char *pod, const char *container);
	void (*rm)(struct world *w, const char *pod, const char *container);
	/* Starts, pauses and resumes the container by hand. */
	void (*start)(struct world *w, const char *pod, const char *container);
	void (*pause)(struct world *w, const char *pod, const char *container, bool pause);
	/* The program runs out of memory (GLUTTON only); it writes text to stream 1 or 2. */
	void (*oom)(struct world *w, const char *pod, const char *container);
	void (*say)(struct world *w, const char *pod, const char *container, int stream, const char *text);
	/* What crash_away() needs to kill the program while the engine is away. */
	long (*mark)(struct world *w, const char *pod, const char *container);
	void (*crash_away)(struct world *w, long mark, const char *pod, const char *container);
	/* Makes somebody else's container with the name that ours would have; is it still there, untouched? */
	void (*foreign)(struct world *w, const char *project, const char *pod, const char *container);
	bool (*foreign_intact)(struct world *w);
	/* How many containers the engine has with our node's label; how many times one of them was started. */
	unsigned (*count)(struct world *w);
	unsigned (*starts)(struct world *w, const char *pod, const char *container);
	/* Another program listens on the host port, or does no more. */
	void (*port)(struct world *w, unsigned port, bool taken);
	/* By hand: an image gets another name, or loses this one. */
	void (*tag)(struct world *w, const char *from, const char *to);
	void (*untag)(struct world *w, const char *ref);
	/* The reference under which the registry has what `name` says (see registry.py), to be freed. */
	char *(*registry)(struct world *w, const char *name);
	/* The engine hangs and goes on; it ends (hard or softly) and comes back. */
	void (*hang)(struct world *w);
	void (*wake)(struct world *w);
	void (*down)(struct world *w, bool hard);
	void (*up)(struct world *w);
	/* All connections to the engine are cut, and none is let through as long as cut is true. */
	void (*cut)(struct world *w, bool cut);
	/*
	 * The connection of the next call of this kind ("create" or "start") is cut: ms after the engine heard of
	 * it, whose answer does not come; or before it did (ms < 0).
	 */
	void (*cut_next)(struct world *w, const char *call, int ms);
};

struct seen_container {
	char name[64];
	enum engine_state state;
	bool paused, oom;
	int64_t exit_code, started_at, finished_at;
	uint64_t exits;
	char error[512];
	struct map ports; /* "80/tcp" -> text */
};

struct seen_pod {
	char project[64], name[128], service[64], revision[64], address[64];
	uint64_t cluster;
	int64_t rev;
	bool broken;
	unsigned reports;
	size_t n;
	struct seen_container c[LIMIT_CONTAINERS];
};

struct world {
	const struct maker *maker;
	struct loop *loop;
	struct engine *e;
	char node[32];
	struct map pods; /* name -> struct seen_pod */
	bool up;
	unsigned ups, downs, gone;
	char down_text[512];
	unsigned image_news;
	char image[256];
	bool image_present;
	/* the last operation */
	enum engine_result result;
	char text[512];
	unsigned pending, oks; /* oks: how many of the last ones ended well */
	void *own; /* the maker's */
};

extern const struct maker maker_docker, maker_docker_live, maker_docker_wired, maker_sim, maker_sim_live;

struct world *world_begin(const struct maker *m);
/* Removes what is left of the node's pods, ends the engine. */
void world_end(struct world *w);
/* The runner dies: nothing is told to the engine. */
void world_disconnect(struct world *w);
/* And comes back; waits until it is up. */
void world_connect(struct world *w);

/* Images that all engines have, by what their programs do (programs.c). */
#define HELLO	 "tug-hello:test" /* serves on port 80 */
#define EXIT_0	 "exit-0:test"	  /* ends at once */
#define EXIT_7	 "exit-7:test"
#define STUBBORN "stubborn:test"  /* does not hear SIGTERM */
#define GLUTTON	 "glutton:test"	  /* runs out of memory when it is told to */
#define GET_80	 "get-80:test"	  /* ends with 0 when something answers on port 80 of the same network */
#define ABSENT	 "absent:test"	  /* has no program of the name that it is to run */
#define DENIED	 "denied:test"	  /* what it is to run is no program */

struct program {
	const char *image;
	const char *entrypoint;	    /* JSON */
	enum engine_result start;   /* how starting it ends */
	bool ends, ignores_term;
	int64_t exit_code;
};
extern const struct program programs[];
extern const size_t n_programs;

/* A pod from JSON with single quotes; kind, project, node, service, ordinal and revision are filled in. */
struct pod *pod_make(const struct world *w, const char *name, const char *containers);
void pod_drop(struct pod *p);

/* Each waits for the end; the result is returned, the text is in w->text. */
enum engine_result do_create(struct world *w, const struct pod *p);
enum engine_result do_start(struct world *w, const char *pod, const char *container);
enum engine_result do_stop(struct world *w, const char *pod, const char *container, int64_t grace_ms);
enum engine_result do_remove(struct world *w, const char *pod, int64_t grace_ms);
enum engine_result do_repair(struct world *w, const char *pod);
enum engine_result do_find(struct world *w, const char *ref);
enum engine_result do_pull(struct world *w, const char *ref);
/* As a runner does: what is not known is asked for again. */
void create_until_ok(struct world *w, const struct pod *p);
void start_until_ok(struct world *w, const char *pod, const char *container);
/* Makes and starts all its containers; every step has to work. The pod is dropped. */
void run_pod(struct world *w, const char *name, const char *containers);
/* A container that was ended: started and waited for, until it did. */
void wait_exited(struct world *w, const char *pod, const char *container, uint64_t exits);
/* For operations that overlap: on_done counts w->pending down. */
void on_done(void *ctx, enum engine_result result, const struct error *err);

struct seen_pod *seen(struct world *w, const char *pod);
/* Fails when there is none. */
struct seen_container *seen_container(struct world *w, const char *pod, const char *container);
bool is_state(struct world *w, const char *pod, const char *container, enum engine_state state);
/* The host port, 0 when it is not known (yet). */
unsigned seen_port(struct world *w, const char *pod, const char *container, const char *port);

#define WAIT_LONG(w, ms, cond) \
	do { \
		int64_t end_ = clock_monotonic_ms() + (ms); \
		while (!(cond)) { \
			if (clock_monotonic_ms() > end_) \
				test_fail(__FILE__, __LINE__, "[%s] not within %d ms: %s (last: %s)", \
					  (w)->maker->name, (int)(ms), #cond, (w)->text); \
			loop_step((w)->loop, 20); \
		} \
	} while (0)
#define WAIT(w, cond) WAIT_LONG(w, WAIT_MS, cond)

#ifndef ENGINES
#define ENGINES &maker_docker, &maker_sim
#endif

/* The test runs once on each maker that the condition (on `m`) holds for. */
#define TEST_ENGINES(id, condition) \
	static void on_##id(struct world *w); \
	TEST(id) \
	{ \
		static const struct maker *const makers[] = {ENGINES}; \
		unsigned ran = 0; \
		for (size_t i_ = 0; i_ < ELEMENTS(makers); i_++) { \
			const struct maker *m = makers[i_]; \
			if (!(condition)) \
				continue; \
			(void)printf("%s on %s\n", #id, m->name); \
			(void)fflush(stdout); /* the next thing may be an abort */ \
			struct world *w = world_begin(m); \
			on_##id(w); \
			world_end(w); \
			ran++; \
		} \
		CHECK(ran > 0); \
	} \
	static void on_##id(struct world *w)
