#include "crash/cluster.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"
#include "kind/pod.h"

static const char *const names[CLUSTER_NODES] = {"n1", "n2"};

/* --- processes --- */

static void scheduler_begin(struct cluster *c)
{
	c->gate = gate_new(memory_store_open(c->store), &c->plan, "scheduler");
	const struct scheduler_config config = {
	        .loop = c->loop, .store = &c->gate->base, .root = "/tug", .node = "n1"};
	c->scheduler = scheduler_new(&config);
}

static struct engine *new_engine(void *ctx, const struct engine_callbacks *cbs, void *cbs_ctx,
                                 struct error *err _unused_)
{
	struct cluster_node *n = ctx;
	struct engine *real = sim_engine_new(n->machine, &(struct engine_config){.node = n->name},
	                                     &gate_callbacks, n->gate);
	return gate_engine(n->gate, real, cbs, cbs_ctx);
}

static void runner_begin(struct cluster_node *n)
{
	struct cluster *c = n->cluster;
	n->gate = gate_new(memory_store_open(c->store), &c->plan, n->name);
	const struct runner_config config = {.loop = c->loop,
	                                     .store = &n->gate->base,
	                                     .root = "/tug",
	                                     .node = n->name,
	                                     .data_dir = n->dir,
	                                     .engine_new = new_engine,
	                                     .ctx = n};
	struct error err = {0};
	n->runner = runner_new(&config, &err);
	CHECK(n->runner);
	n->starts++;
}

static void snapshot_path(const struct cluster_node *n, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%s/runner/pods.json", n->dir);
}

void cluster_end_runner(struct cluster_node *n)
{
	n->runner = runner_free(n->runner);
	n->gate = gate_free(n->gate);
}

void cluster_kill_runner(struct cluster_node *n)
{
	/* who is killed writes no last snapshot */
	char path[96];
	_cleanup_str_ struct str before = STR_INIT;
	snapshot_path(n, path, sizeof(path));
	bool was = file_read(path, 1 << 20, &before) == 0;
	n->gate->shut = true;
	cluster_end_runner(n);
	(void)unlink(path);
	if (was)
		CHECK_INT(file_write(path, str_get(&before), before.len, 0600), 0);
	n->cluster->crashes++;
}

void cluster_restart_runner(struct cluster_node *n)
{
	cluster_end_runner(n);
	runner_begin(n);
}

static void scheduler_end(struct cluster *c)
{
	c->scheduler = scheduler_free(c->scheduler);
	c->gate = gate_free(c->gate);
}

void cluster_kill_scheduler(struct cluster *c)
{
	c->gate->shut = true;
	scheduler_end(c);
	c->crashes++;
}

/* --- what is seen --- */

static void on_change(void *ctx, const char *key, const struct mirror_entry *was,
                      const struct mirror_entry *now)
{
	struct cluster *c = ctx;
	int64_t one = (now ? 1 : 0) - (was ? 1 : 0);
	if (str_after(key, "pods/")) {
		c->pods_now += one;
		c->most = MAX(c->most, c->pods_now);
		(void)map_put(&c->pods, strrchr(key, '/') + 1, c);
	} else if (str_after(key, "status/pods/")) {
		c->statuses_now += one;
	}
}

static void on_synced(void *ctx _unused_)
{
}

static const struct mirror_callbacks callbacks = {.on_change = on_change, .on_synced = on_synced};

static void check_invariants(struct cluster *c)
{
	map_for_each (e, &c->pods) {
		unsigned machines = 0;
		for (size_t i = 0; i < CLUSTER_NODES; i++)
			machines += sim_starts(c->nodes[i].machine, e->key, "app") > 0;
		if (machines > 1)
			test_fail(__FILE__, __LINE__, "%s runs twice (crash at %llu: %s)", e->key,
			          (unsigned long long)c->plan.at, c->plan.what);
	}
}

void cluster_step(struct cluster *c, int64_t ms)
{
	loop_step(c->loop, ms);
	if (c->gate && c->gate->shut)
		cluster_kill_scheduler(c);
	if (!c->gate && c->schedules)
		scheduler_begin(c);
	for (size_t i = 0; i < CLUSTER_NODES; i++) {
		struct cluster_node *n = &c->nodes[i];
		if (n->gate && n->gate->shut)
			cluster_kill_runner(n);
		if (!n->gate)
			runner_begin(n);
	}
	check_invariants(c);
}

void cluster_pass(struct cluster *c, int64_t ms)
{
	int64_t end = loop_now(c->loop) + ms;
	while (loop_now(c->loop) < end)
		cluster_step(c, MIN(end - loop_now(c->loop), 1000));
}

/* --- users --- */

static void on_put(void *ctx, enum store_outcome outcome, int64_t rev _unused_,
                   const struct error *err _unused_)
{
	CHECK_INT(outcome, STORE_OK);
	*(bool *)ctx = true;
}

void cluster_txn(struct cluster *c, const struct store_txn *txn)
{
	bool done = false;
	(void)store_txn(c->store, txn, on_put, &done);
	WITHIN(c, 5000, done);
}

static void write_key(struct cluster *c, const char *key, const char *value)
{
	char whole[KEY_SIZE];
	(void)snprintf(whole, sizeof(whole), "/tug/%s", key);
	const struct store_then then = {.what = value ? STORE_PUT : STORE_DELETE,
	                                .key = whole,
	                                .value = value,
	                                .value_len = value ? strlen(value) : 0};
	cluster_txn(c, &(struct store_txn){.thens = &then, .n_thens = 1});
}

void cluster_put(struct cluster *c, const char *key, const char *value)
{
	write_key(c, key, value);
}

void cluster_delete(struct cluster *c, const char *key)
{
	write_key(c, key, NULL);
}

/* --- questions --- */

unsigned cluster_containers(const struct cluster *c)
{
	unsigned n = 0;
	for (size_t i = 0; i < CLUSTER_NODES; i++)
		n += sim_count(c->nodes[i].machine, c->nodes[i].name);
	return n;
}

unsigned cluster_starts(const struct cluster *c, const char *pod, const char *container)
{
	unsigned n = 0;
	for (size_t i = 0; i < CLUSTER_NODES; i++)
		n += sim_starts(c->nodes[i].machine, pod, container);
	return n;
}

struct looking {
	const char *service;
	int64_t ordinal;
	const char *found;
};

static void look_at_pod(void *ctx, const struct mirror_entry *e)
{
	struct looking *l = ctx;
	const struct pod *pod = e->obj;
	if (pod && streq(pod->service, l->service) && pod->ordinal == l->ordinal)
		l->found = pod->name;
}

const char *cluster_pod(const struct cluster *c, const char *service, int64_t ordinal)
{
	struct looking l = {.service = service, .ordinal = ordinal};
	mirror_list(c->view, "pods/", look_at_pod, &l);
	return l.found;
}

const struct pod_status *cluster_status(const struct cluster *c, const char *pod)
{
	char key[KEY_SIZE];
	const struct pod_status *s = NULL;
	for (size_t i = 0; i < CLUSTER_NODES && !s; i++)
		s = mirror_object(c->view,
		                  key_format(&kind_pod_status, c->nodes[i].name, pod, key, sizeof(key)));
	return s;
}

bool cluster_is_up(const struct cluster *c, const char *service, int64_t pods)
{
	char key[KEY_SIZE];
	const struct mirror_entry *e =
	        mirror_get(c->view, key_format(&kind_microservice, "default", service, key, sizeof(key)));
	const struct microservice_status *s = mirror_object(
	        c->view, key_format(&kind_microservice_status, "default", service, key, sizeof(key)));
	return e && s && s->observed == e->mod_rev && s->desired == pods && s->ready == pods &&
	       s->updated == pods && s->pods == pods && c->pods_now == pods && c->statuses_now == pods;
}

static void count_entry(void *ctx, const struct mirror_entry *e _unused_)
{
	++*(size_t *)ctx;
}

bool cluster_is_empty(const struct cluster *c)
{
	static const char *const prefixes[] = {"pods/", "status/", "revisions/", "endpoints/", NULL};
	size_t n = 0;
	for (size_t i = 0; prefixes[i]; i++)
		mirror_list(c->view, prefixes[i], count_entry, &n);
	return n == 0 && cluster_containers(c) == 0;
}

void cluster_check_calm(struct cluster *c)
{
	uint64_t operations = 0;
	cluster_pass(c, 120000); /* failures are forgiven after a while, and said to be */
	int64_t rev = memory_store_revision(c->store);
	for (size_t i = 0; i < CLUSTER_NODES; i++)
		operations += sim_operations(c->nodes[i].machine);
	cluster_pass(c, 600000);
	for (size_t i = 0; i < CLUSTER_NODES; i++)
		operations -= sim_operations(c->nodes[i].machine);
	CHECK_INT(operations, 0);
	CHECK_INT(memory_store_revision(c->store), rev);
}

/* --- life --- */

static void put_node(struct cluster *c, const char *name)
{
	char key[KEY_SIZE], value[256];
	(void)snprintf(key, sizeof(key), "nodes/%s", name);
	(void)snprintf(value, sizeof(value), "{\"kind\":\"node\",\"name\":\"%s\",\"address\":\"192.0.2.1\"}",
	               name);
	cluster_put(c, key, value);
	(void)snprintf(key, sizeof(key), "health/%s", name);
	(void)snprintf(value, sizeof(value),
	               "{\"kind\":\"health\",\"name\":\"%s\",\"cpus\":4,\"memory\":8000000000}", name);
	cluster_put(c, key, value);
}

void cluster_init(struct cluster *c, uint64_t seed, bool schedules)
{
	static const char *const all[] = {"", NULL};
	log_init(NULL, getenv("TUG_TEST_VERBOSE") ? LOG_DEBUG : LOG_ERROR, false);
	*c = (struct cluster){.loop = loop_new(), .schedules = schedules};
	c->store = memory_store_new(c->loop);
	c->view = mirror_new(c->store, "/tug", all, true, &callbacks, c);
	for (size_t i = 0; i < CLUSTER_NODES; i++) {
		struct cluster_node *n = &c->nodes[i];
		n->cluster = c;
		n->name = names[i];
		(void)snprintf(n->dir, sizeof(n->dir), "/dev/shm/tug-sim-XXXXXX");
		CHECK(mkdtemp(n->dir));
		n->machine = sim_machine_new(c->loop, seed + i);
	}
	WITHIN(c, 1000, mirror_synced(c->view));
	for (size_t i = 0; i < CLUSTER_NODES; i++)
		put_node(c, names[i]);
}

void cluster_done(struct cluster *c)
{
	if (c->gate)
		scheduler_end(c);
	for (size_t i = 0; i < CLUSTER_NODES; i++) {
		struct cluster_node *n = &c->nodes[i];
		char path[96];
		if (n->gate)
			cluster_end_runner(n);
		n->machine = sim_machine_free(n->machine);
		snapshot_path(n, path, sizeof(path));
		(void)unlink(path);
		*strrchr(path, '/') = '\0';
		(void)rmdir(path);
		(void)rmdir(n->dir);
	}
	c->view = mirror_free(c->view);
	c->store = store_free(c->store);
	c->loop = loop_free(c->loop);
	map_done(&c->pods, NULL);
}
