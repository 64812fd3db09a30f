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
	struct engine *(*connect)(struct world *w, const struct engine_callbacks *cbs);
	void (*begin)(struct world *w);
	void (*end)(struct world *w);
	/* Kills the container's program from outside, as a crash; or removes the container by hand. */
	void (*crash)(struct world *w, const char *pod, const char *container);
	void (*rm)(struct world *w, const char *pod, const char *container);
	/* Starts the container by hand. */
	void (*start)(struct world *w, const char *pod, const char *container);
	/* Makes somebody else's container with the name that ours would have; is it still there, untouched? */
	void (*foreign)(struct world *w, const char *project, const char *pod, const char *container);
	bool (*foreign_intact)(struct world *w);
	/* How many containers the engine has with our node's label; how many times one of them was started. */
	unsigned (*count)(struct world *w);
	/* The engine hangs and goes on; it ends (hard or softly) and comes back. */
	void (*hang)(struct world *w);
	void (*wake)(struct world *w);
	void (*down)(struct world *w, bool hard);
	void (*up)(struct world *w);
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
	unsigned pending;
	void *own; /* the maker's */
};

extern const struct maker maker_docker, maker_sim;

struct world *world_begin(const struct maker *m);
/* Removes what is left of the node's pods, ends the engine. */
void world_end(struct world *w);
/* The runner dies: nothing is told to the engine. */
void world_disconnect(struct world *w);
/* And comes back; waits until it is up. */
void world_connect(struct world *w);

/* One image that both kinds of engine have: tug-hello as its entry point. */
#define HELLO "tug-hello:test"

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
/* Makes and starts all its containers; every step has to work. The pod is dropped. */
void run_pod(struct world *w, const char *name, const char *containers);
/* For operations that overlap: on_done counts w->pending down. */
void on_done(void *ctx, enum engine_result result, const struct error *err);

struct seen_pod *seen(struct world *w, const char *pod);
/* Fails when there is none. */
struct seen_container *seen_container(struct world *w, const char *pod, const char *container);
bool is_state(struct world *w, const char *pod, const char *container, enum engine_state state);
/* The host port, 0 when it is not known (yet). */
unsigned seen_port(struct world *w, const char *pod, const char *container, const char *port);

#define WAIT(w, cond) \
	do { \
		int64_t end_ = clock_monotonic_ms() + WAIT_MS; \
		while (!(cond)) { \
			if (clock_monotonic_ms() > end_) \
				test_fail(__FILE__, __LINE__, "[%s] not within %d ms: %s", (w)->maker->name, WAIT_MS, #cond); \
			loop_step((w)->loop, 20); \
		} \
	} while (0)

/* The test runs once on each maker that the condition (on `m`) holds for. */
#define TEST_ENGINES(id, condition) \
	static void on_##id(struct world *w); \
	TEST(id) \
	{ \
		static const struct maker *const makers[] = {&maker_docker, &maker_sim}; \
		unsigned ran = 0; \
		for (size_t i_ = 0; i_ < ELEMENTS(makers); i_++) { \
			const struct maker *m = makers[i_]; \
			if (!(condition)) \
				continue; \
			struct world *w = world_begin(m); \
			on_##id(w); \
			world_end(w); \
			ran++; \
		} \
		CHECK(ran > 0); \
	} \
	static void on_##id(struct world *w)
