/*
 * The scheduler on the store in memory, with a runner of a few lines: a microservice goes in, pods, endpoints
 * and status come out, whatever the store does in between.
 */
#include "controllers/scheduler/scheduler.h"

#include "core/limits.h"
#include "core/log.h"
#include "kind/endpoints.h"
#include "kind/event.h"
#include "kind/node.h"
#include "kind/pod.h"
#include "kind/revision.h"
#include "lib/store_drive.h"
#include "memory/memory.h"
#include "mirror/mirror.h"

enum { SCHEDULERS = 2 };

struct rig {
	struct loop *loop;
	struct store *store; /* ours and the runner's */
	struct store *stores[SCHEDULERS];
	struct scheduler *schedulers[SCHEDULERS];
	struct mirror *view; /* everything, as anyone may see it */
	bool running;        /* the runner runs what it is given */
};

static void rig_start(struct rig *r, int i)
{
	if (!r->stores[i])
		r->stores[i] = memory_store_open(r->store);
	const struct scheduler_config config = {
	        .loop = r->loop, .store = r->stores[i], .root = "/tug", .node = i ? "n2" : "n1"};
	r->schedulers[i] = scheduler_new(&config);
}

static void rig_stop(struct rig *r, int i)
{
	r->schedulers[i] = scheduler_free(r->schedulers[i]);
	r->stores[i] = store_free(r->stores[i]);
}

static void ignore(void *ctx _unused_, enum store_outcome outcome _unused_, int64_t rev _unused_,
                   const struct error *err _unused_)
{
}

/* Writes or, without a word, deletes the status of the pod. */
static void run_pod(struct rig *r, const struct pod *pod, const char *phase)
{
	char key[KEY_SIZE];
	struct str text = STR_INIT;
	(void)snprintf(key, sizeof(key), "/tug/status/pods/%s/%s", pod->node, pod->name);
	if (phase)
		str_printf(
		        &text,
		        "{\"kind\":\"podStatus\",\"project\":\"%s\",\"name\":\"%s\",\"node\":\"%s\","
		        "\"service\":\"%s\","
		        "\"revision\":\"%s\",\"phase\":\"%s\",\"reason\":\"Started\",\"message\":\"no luck\","
		        "\"ready\":%s,\"address\":\"10.0.0.7\",\"containers\":[{\"name\":\"app\","
		        "\"startedAt\":5,"
		        "\"ports\":{\"80/tcp\":\"32768\"}}]}",
		        pod->project, pod->name, pod->node, pod->service, pod->revision, phase,
		        streq(phase, "Running") ? "true" : "false");
	const struct store_then then = {.what = phase ? STORE_PUT : STORE_DELETE,
	                                .key = key,
	                                .value = str_get(&text),
	                                .value_len = text.len};
	(void)store_txn(r->store, &(struct store_txn){.thens = &then, .n_thens = 1}, ignore, NULL);
	str_done(&text);
}

static void on_change(void *ctx, const char *key, const struct mirror_entry *was,
                      const struct mirror_entry *now)
{
	struct rig *r = ctx;
	if (!r->running || !str_after(key, "pods/"))
		return;
	if (now && now->obj)
		run_pod(r, now->obj, "Running");
	else if (!now && was->obj)
		run_pod(r, was->obj, NULL);
}

static void on_synced(void *ctx _unused_)
{
}

static const struct mirror_callbacks callbacks = {.on_change = on_change, .on_synced = on_synced};

static void rig_init(struct rig *r)
{
	static const char *const all[] = {"", NULL};
	log_init(NULL, LOG_ERROR, false);
	*r = (struct rig){.loop = loop_new(), .running = true};
	r->store = memory_store_new(r->loop);
	r->view = mirror_new(r->store, "/tug", all, true, &callbacks, r);
	UNTIL(r->loop, mirror_synced(r->view));
	rig_start(r, 0);
}

static void rig_done(struct rig *r)
{
	for (int i = 0; i < SCHEDULERS; i++)
		rig_stop(r, i);
	r->view = mirror_free(r->view);
	r->store = store_free(r->store);
	r->loop = loop_free(r->loop);
}

static void put(struct rig *r, const char *key, const char *value)
{
	char whole[KEY_SIZE];
	(void)snprintf(whole, sizeof(whole), "/tug/%s", key);
	(void)drive_put(r->store, whole, value);
}

static void del(struct rig *r, const char *key)
{
	char whole[KEY_SIZE];
	(void)snprintf(whole, sizeof(whole), "/tug/%s", key);
	(void)drive_delete(r->store, whole);
}

static void put_health(struct rig *r, const char *node)
{
	char key[KEY_SIZE], value[256];
	(void)snprintf(key, sizeof(key), "health/%s", node);
	(void)snprintf(value, sizeof(value),
	               "{\"kind\":\"health\",\"name\":\"%s\",\"cpus\":4,\"memory\":1000000000}", node);
	put(r, key, value);
}

static void put_node(struct rig *r, const char *node, const char *state)
{
	char key[KEY_SIZE], value[256];
	(void)snprintf(key, sizeof(key), "nodes/%s", node);
	(void)snprintf(value, sizeof(value),
	               "{\"kind\":\"node\",\"name\":\"%s\",\"state\":\"%s\",\"address\":\"192.0.2.9\"}", node,
	               state);
	put(r, key, value);
	put_health(r, node);
}

/* `rest`: further lines of YAML. */
static void put_service(struct rig *r, const char *key, int scale, const char *image, const char *rest)
{
	struct str text = STR_INIT;
	str_printf(
	        &text,
	        "scale: %d\n%scontainers:\n  app:\n    image: %s\n    httpPorts: {\"80\": web.localhost}\n",
	        scale, rest, image);
	put(r, key, str_get(&text));
	str_done(&text);
}

/* --- looking --- */

struct seen {
	const char *service, *project, *node; /* NULL: any */
	size_t pods;
	size_t most_in_one; /* pods of one revision of the store */
	int64_t rev;
	size_t in_rev;
	char names[512];
};

static void look_at(void *ctx, const struct mirror_entry *e)
{
	struct seen *s = ctx;
	const struct pod *p = e->obj;
	CHECK(p);
	if (e->orphan || (s->service && !streq(p->service, s->service)) ||
	    (s->project && !streq(p->project, s->project)) || (s->node && !streq(p->node, s->node)))
		return;
	s->pods++;
	if (strlen(s->names) + strlen(p->name) + 2 < sizeof(s->names)) {
		size_t used = strlen(s->names);
		(void)snprintf(s->names + used, sizeof(s->names) - used, "%s%.*s", used ? " " : "",
		               (int)(strlen(p->name) - strlen(p->revision) - 1), p->name);
	}
}

static struct seen look(const struct rig *r, const char *node)
{
	struct seen s = {.node = node};
	mirror_list(r->view, "pods/", look_at, &s);
	return s;
}

static const struct microservice_status *status_of(const struct rig *r, const char *key)
{
	char status[KEY_SIZE];
	(void)snprintf(status, sizeof(status), "status/%s", key);
	return mirror_object(r->view, status);
}

static const struct condition *condition(const struct rig *r, const char *key, const char *type)
{
	const struct microservice_status *s = status_of(r, key);
	for (size_t i = 0; s && i < s->conditions.count; i++)
		if (streq(LIST_ITEMS(&s->conditions, struct condition)[i].type, type))
			return &LIST_ITEMS(&s->conditions, struct condition)[i];
	return NULL;
}

static bool holds(const struct rig *r, const char *key, const char *type, bool status)
{
	const struct condition *c = condition(r, key, type);
	return c && c->status == status;
}

static size_t n_endpoints(const struct rig *r, const char *key)
{
	const struct endpoints *e = mirror_object(r->view, key);
	return e ? e->ready.count : 0;
}

#define WEB           "microservices/default/web"
#define WEB_ENDPOINTS "endpoints/default/web"

/* All that is wanted runs, of one revision, and the status says so. */
static bool rolled_out(const struct rig *r, int64_t pods)
{
	const struct microservice_status *s = status_of(r, WEB);
	const struct condition *c = condition(r, WEB, "Progressing");
	const struct mirror_entry *e = mirror_get(r->view, WEB);
	return s && e && s->observed == e->mod_rev && s->pods == pods && s->ready == pods &&
	       s->updated == pods && s->desired == pods && c && streq(c->reason, "RolledOut") &&
	       look(r, NULL).pods == (size_t)pods;
}

/* Nothing is written any more. */
static void check_quiet(struct rig *r)
{
	int64_t until_ms = loop_now(r->loop) + 250; /* longer than any gathering of status */
	drive_settle(r->loop);
	int64_t rev = memory_store_revision(r->store);
	while (loop_now(r->loop) < until_ms)
		loop_step(r->loop, 20);
	CHECK_INT(memory_store_revision(r->store), rev);
}

/* --- the main path --- */

TEST(a_microservice_becomes_pods_endpoints_and_status)
{
	struct rig r;
	rig_init(&r);
	put_node(&r, "n1", "active");
	put_service(&r, WEB, 3, "x:1", "");
	UNTIL(r.loop, rolled_out(&r, 3));
	CHECK_STR(look(&r, NULL).names, "web-0 web-1 web-2");
	CHECK_INT(n_endpoints(&r, WEB_ENDPOINTS), 3);
	const struct endpoints *e = mirror_object(r.view, WEB_ENDPOINTS);
	const struct endpoint *first = LIST_ITEMS(&e->ready, struct endpoint);
	CHECK_STR(first->address, "10.0.0.7");
	CHECK_STR(first->hostAddress, "192.0.2.9");
	CHECK_STR(pairs_get(&first->ports, "app/80/tcp"), "32768");
	CHECK(holds(&r, WEB, "Valid", true));
	CHECK(holds(&r, WEB, "Available", true));
	const struct mirror_entry *service = mirror_get(r.view, WEB);
	CHECK_INT(status_of(&r, WEB)->observed, service->mod_rev);
	/* the revision is what rollback returns to; the pod is complete, its domains are not its business */
	char key[KEY_SIZE];
	(void)snprintf(key, sizeof(key), "revisions/default/web/%s", status_of(&r, WEB)->revision);
	const struct revision *revision = mirror_object(r.view, key);
	CHECK(revision);
	CHECK_STR(LIST_ITEMS(&revision->spec.containers, struct container)->image, "x:1");
	(void)snprintf(key, sizeof(key), "pods/n1/%s", first->pod);
	const struct pod *pod = mirror_object(r.view, key);
	CHECK_STR(LIST_ITEMS(&pod->containers, struct container)->image, "x:1");
	CHECK_STR(pairs_get(&LIST_ITEMS(&pod->containers, struct container)->httpPorts, "80"), "");
	CHECK_STR(pod->service, "web");
	CHECK_STR(pod->node, "n1");
	CHECK_INT(pod->stopGrace, 30000);
	check_quiet(&r);
	rig_done(&r);
}

static void count_revision(void *ctx, const struct mirror_entry *e)
{
	struct seen *s = ctx;
	s->pods++;
	if (e->create_rev != s->rev) {
		s->rev = e->create_rev;
		s->in_rev = 0;
	}
	s->in_rev++;
	s->most_in_one = MAX(s->most_in_one, s->in_rev);
}

TEST(twenty_pods_in_one_transaction_and_more_in_batches)
{
	struct rig r;
	rig_init(&r);
	put_node(&r, "n1", "active");
	put_service(&r, WEB, 20, "x:1", "");
	UNTIL(r.loop, look(&r, NULL).pods == 20);
	struct seen s = {0};
	mirror_list(r.view, "pods/", count_revision, &s);
	CHECK_INT(s.most_in_one, 20);
	UNTIL(r.loop, rolled_out(&r, 20));
	uint64_t before = memory_store_counts(r.stores[0]).txns;
	r.running = false;
	put_service(&r, WEB, 1000, "x:1", "");
	UNTIL(r.loop, look(&r, NULL).pods == 1000);
	CHECK(memory_store_counts(r.stores[0]).txns - before <= 2 * (980 / 90 + 1)); /* each with its event */
	put_service(&r, WEB, 0, "x:1", "");
	UNTIL(r.loop, look(&r, NULL).pods == 0);
	rig_done(&r);
}

TEST(deletion_takes_everything_along)
{
	struct rig r;
	rig_init(&r);
	put_node(&r, "n1", "active");
	put_service(&r, WEB, 3, "x:1", "");
	UNTIL(r.loop, rolled_out(&r, 3));
	del(&r, WEB);
	UNTIL(r.loop, look(&r, NULL).pods == 0 && !status_of(&r, WEB));
	drive_settle(r.loop);
	char *left = drive_list(r.store, "/tug/revisions/");
	CHECK_STR(left, "");
	free(left);
	left = drive_list(r.store, "/tug/endpoints/");
	CHECK_STR(left, "");
	free(left);
	check_quiet(&r);
	/* and it can come again */
	put_service(&r, WEB, 2, "x:1", "");
	UNTIL(r.loop, rolled_out(&r, 2));
	rig_done(&r);
}

TEST(two_of_one_name_in_two_projects)
{
	struct rig r;
	rig_init(&r);
	put_node(&r, "n1", "active");
	put_service(&r, WEB, 2, "x:1", "");
	put_service(&r, "microservices/other/web", 3, "x:1", "");
	UNTIL(r.loop, n_endpoints(&r, WEB_ENDPOINTS) == 2 && n_endpoints(&r, "endpoints/other/web") == 3);
	CHECK_INT(look(&r, "n1").pods, 5);
	del(&r, WEB);
	UNTIL(r.loop, look(&r, NULL).pods == 3);
	struct seen s = {.project = "other"};
	mirror_list(r.view, "pods/", look_at, &s);
	CHECK_INT(s.pods, 3);
	rig_done(&r);
}

TEST(a_value_that_is_not_valid_changes_nothing)
{
	struct rig r;
	rig_init(&r);
	put_node(&r, "n1", "active");
	put_service(&r, WEB, 2, "x:1", "");
	UNTIL(r.loop, rolled_out(&r, 2));
	put_service(&r, WEB, 3, "x:1", ""); /* the scale is not in the revision that is kept */
	UNTIL(r.loop, rolled_out(&r, 3));
	put(&r, WEB, "scale: 1\ncontainers:\n  app:\n    imagge: y\n");
	UNTIL(r.loop, holds(&r, WEB, "Valid", false));
	CHECK_HAS(condition(&r, WEB, "Valid")->message, "line 4: ");
	CHECK_HAS(condition(&r, WEB, "Valid")->message, "imagge");
	check_quiet(&r);
	CHECK_INT(look(&r, NULL).pods, 3);
	CHECK_INT(status_of(&r, WEB)->desired, 3);
	/* what runs is maintained meanwhile, by a scheduler that never saw the good value too */
	rig_stop(&r, 0);
	char key[KEY_SIZE];
	(void)snprintf(key, sizeof(key), "pods/n1/web-1-%s", status_of(&r, WEB)->revision);
	del(&r, key);
	rig_start(&r, 0);
	UNTIL(r.loop, look(&r, NULL).pods == 3 && n_endpoints(&r, WEB_ENDPOINTS) == 3);
	put_service(&r, WEB, 1, "x:1", "");
	UNTIL(r.loop, rolled_out(&r, 1));
	CHECK(holds(&r, WEB, "Valid", true));
	rig_done(&r);
}

TEST(never_valid)
{
	struct rig r;
	rig_init(&r);
	put(&r, WEB, "{\"scale\": 1, \"contai");
	UNTIL(r.loop, holds(&r, WEB, "Valid", false));
	check_quiet(&r);
	put_node(&r, "n1", "active");
	put_service(&r, WEB, 1, "x:1", "");
	UNTIL(r.loop, rolled_out(&r, 1));
	rig_done(&r);
}

/* Anybody may write a key that no object can have. It is told once that it is none, and costs nothing from then on. */
TEST(keys_that_name_nothing)
{
	static const char *const keys[] = {"microservices/default/Web_1", "microservices/No/x",
	                                   "microservices/web", "microservices/default/",
	                                   "microservices/default/a/b"};
	struct rig r;
	rig_init(&r);
	put_node(&r, "n1", "active");
	for (size_t i = 0; i < ELEMENTS(keys); i++)
		put(&r, keys[i], "{\"containers\":{\"app\":{\"image\":\"x:1\"}}}");
	char longest[300];
	memset(longest, 'a', sizeof(longest));
	(void)snprintf(longest, sizeof(longest) - 1, "%s", "microservices/default/");
	longest[strlen("microservices/default/")] = 'a';
	longest[sizeof(longest) - 1] = '\0';
	put(&r, longest, "{}");
	put_service(&r, WEB, 1, "x:1", "");
	UNTIL(r.loop, rolled_out(&r, 1));
	check_quiet(&r);
	for (size_t i = 0; i < ELEMENTS(keys); i++)
		del(&r, keys[i]);
	del(&r, longest);
	check_quiet(&r);
	CHECK_INT(look(&r, NULL).pods, 1);
	rig_done(&r);
}

/* What a runner says may be anything; a message that is cut within a character is not written again and again. */
TEST(long_words_of_a_runner)
{
	struct rig r;
	rig_init(&r);
	put_node(&r, "n1", "active");
	put_service(&r, WEB, 1, "x:1", "");
	UNTIL(r.loop, rolled_out(&r, 1));
	r.running = false;
	char words[1501] = "", key[KEY_SIZE], value[2200];
	for (size_t i = 0; i + 2 < sizeof(words); i += 2)
		memcpy(words + i, "\xc3\xa9", 3);
	(void)snprintf(key, sizeof(key), "status/pods/n1/web-0-%s", status_of(&r, WEB)->revision);
	for (int shift = 0; shift < 2; shift++) {
		(void)snprintf(value, sizeof(value),
		               "{\"project\":\"default\",\"name\":\"web-0-%s\",\"node\":\"n1\",\"phase\":"
		               "\"Failed\",\"message\":\"%s%s\"}",
		               status_of(&r, WEB)->revision, shift ? "x" : "", words);
		put(&r, key, value);
		UNTIL(r.loop,
		      condition(&r, WEB, "Progressing") && !condition(&r, WEB, "Progressing")->status);
		check_quiet(&r);
	}
	CHECK_HAS(condition(&r, WEB, "Progressing")->message, "\xc3\xa9\xc3\xa9");
	rig_done(&r);
}

TEST(a_rollout)
{
	struct rig r;
	rig_init(&r);
	put_node(&r, "n1", "active");
	put_service(&r, WEB, 3, "x:1", "");
	UNTIL(r.loop, rolled_out(&r, 3));
	char *old = mem_strdup(status_of(&r, WEB)->revision);
	put_service(&r, WEB, 3, "x:2", "");
	UNTIL(r.loop, rolled_out(&r, 3) && !streq(status_of(&r, WEB)->revision, old));
	/* another domain makes no new pods */
	char *list = drive_list(r.store, "/tug/pods/");
	put(&r, WEB, "scale: 3\ncontainers: {app: {image: 'x:2', httpPorts: {\"80\": other.localhost}}}\n");
	UNTIL(r.loop, status_of(&r, WEB)->observed == mirror_get(r.view, WEB)->mod_rev);
	check_quiet(&r);
	CHECK_LIST(r.store, "/tug/pods/", list);
	free(list);
	free(old);
	rig_done(&r);
}

TEST(stop_first_is_one_transaction_on_the_same_node)
{
	struct rig r;
	rig_init(&r);
	put_node(&r, "n1", "active");
	put_node(&r, "n2", "active");
	put_service(&r, WEB, 1, "x:1", "update: {order: stop-first}\n");
	UNTIL(r.loop, rolled_out(&r, 1));
	char *old = mem_strdup(status_of(&r, WEB)->revision);
	CHECK_INT(look(&r, "n1").pods, 1);
	r.running = false;
	put_service(&r, WEB, 1, "x:2", "update: {order: stop-first}\n");
	UNTIL(r.loop, status_of(&r, WEB) && !streq(status_of(&r, WEB)->revision, old));
	drive_settle(r.loop);
	CHECK_INT(look(&r, NULL).pods, 1);
	char key[KEY_SIZE], name[POD_NAME_SIZE];
	(void)snprintf(key, sizeof(key), "pods/n1/web-0-%s", status_of(&r, WEB)->revision);
	const struct pod *pod = mirror_object(r.view, key);
	CHECK(pod);
	CHECK_STR(pod->replaces, pod_name("web", 0, old, name, sizeof(name)));
	free(old);
	rig_done(&r);
}

TEST(a_rollout_that_fails_stops_and_goes_on_with_the_next_edit)
{
	struct rig r;
	rig_init(&r);
	put_node(&r, "n1", "active");
	put_service(&r, WEB, 2, "x:1", "");
	UNTIL(r.loop, rolled_out(&r, 2));
	char key[KEY_SIZE], *old = mem_strdup(status_of(&r, WEB)->revision);
	r.running = false;
	put_service(&r, WEB, 2, "x:bad", "");
	UNTIL(r.loop, look(&r, NULL).pods == 3 && !streq(status_of(&r, WEB)->revision, old));
	(void)snprintf(key, sizeof(key), "pods/n1/web-0-%s", status_of(&r, WEB)->revision);
	run_pod(&r, mirror_object(r.view, key), "Failed");
	UNTIL(r.loop, holds(&r, WEB, "Progressing", false));
	CHECK_HAS(condition(&r, WEB, "Progressing")->message, "no luck");
	check_quiet(&r);
	CHECK_INT(look(&r, NULL).pods, 3);
	CHECK_INT(n_endpoints(&r, WEB_ENDPOINTS), 2);
	r.running = true;
	put_service(&r, WEB, 2, "x:3", "");
	UNTIL(r.loop, rolled_out(&r, 2));
	free(old);
	rig_done(&r);
}

/* --- nodes --- */

TEST(a_pod_that_fits_nowhere_waits_for_a_node)
{
	struct rig r;
	rig_init(&r);
	put_node(&r, "n1", "inactive");
	put_service(&r, WEB, 1, "x:1", "");
	UNTIL(r.loop, holds(&r, WEB, "Placed", false));
	CHECK_HAS(condition(&r, WEB, "Placed")->message, "0/1 nodes: 1 cordoned");
	check_quiet(&r);
	put_node(&r, "n1", "active");
	UNTIL(r.loop, rolled_out(&r, 1));
	rig_done(&r);
}

TEST(room_that_another_service_gives_up_is_taken)
{
	static const char db[] = "containers: {app: {image: x, memLimit: 700M, requests: {memory: 700M}}}\n";
	struct rig r;
	rig_init(&r);
	put_node(&r, "n1", "active");
	put(&r, "microservices/default/db", db);
	UNTIL(r.loop, look(&r, NULL).pods == 1);
	put(&r, WEB, db);
	UNTIL(r.loop, holds(&r, WEB, "Placed", false));
	CHECK_HAS(condition(&r, WEB, "Placed")->message, "0/1 nodes: 1 memory");
	del(&r, "microservices/default/db");
	UNTIL(r.loop, rolled_out(&r, 1));
	CHECK(holds(&r, WEB, "Placed", true));
	rig_done(&r);
}

TEST(a_lost_node_is_replaced_and_when_it_is_back_the_newer_pod_goes)
{
	struct rig r;
	rig_init(&r);
	put_node(&r, "n1", "active");
	put_node(&r, "n2", "active");
	put_service(&r, WEB, 2, "x:1", "");
	UNTIL(r.loop, rolled_out(&r, 2));
	CHECK_INT(look(&r, "n1").pods, 1);
	r.running = false;
	del(&r, "health/n1");
	UNTIL(r.loop, n_endpoints(&r, WEB_ENDPOINTS) == 1 && look(&r, "n2").pods == 2);
	CHECK_INT(look(&r, "n1").pods, 1); /* its key stays */
	struct seen s = look(&r, "n2");
	char key[KEY_SIZE];
	CHECK_STR(s.names, "web-0 web-1");
	(void)snprintf(key, sizeof(key), "pods/n2/web-0-%s", status_of(&r, WEB)->revision);
	run_pod(&r, mirror_object(r.view, key), "Running");
	UNTIL(r.loop, n_endpoints(&r, WEB_ENDPOINTS) == 2);
	put_health(&r, "n1");
	UNTIL(r.loop, look(&r, NULL).pods == 2);
	CHECK_INT(look(&r, "n1").pods, 1);
	UNTIL(r.loop, rolled_out(&r, 2));
	rig_done(&r);
}

TEST(the_only_node_is_lost)
{
	struct rig r;
	rig_init(&r);
	put_node(&r, "n1", "active");
	put_service(&r, WEB, 2, "x:1", "");
	UNTIL(r.loop, rolled_out(&r, 2));
	char *before = drive_list(r.store, "/tug/pods/");
	del(&r, "health/n1");
	UNTIL(r.loop, n_endpoints(&r, WEB_ENDPOINTS) == 0 && holds(&r, WEB, "Available", false));
	check_quiet(&r);
	CHECK_LIST(r.store, "/tug/pods/", before);
	put_health(&r, "n1");
	UNTIL(r.loop, rolled_out(&r, 2));
	CHECK_LIST(r.store, "/tug/pods/", before);
	free(before);
	rig_done(&r);
}

TEST(draining_moves_and_disabling_moves_at_once)
{
	struct rig r;
	rig_init(&r);
	put_node(&r, "n1", "active");
	put_service(&r, WEB, 3, "x:1", "");
	UNTIL(r.loop, rolled_out(&r, 3));
	put_node(&r, "n2", "active");
	put_node(&r, "n1", "draining");
	UNTIL(r.loop, look(&r, "n1").pods == 0 && rolled_out(&r, 3));
	put_node(&r, "n1", "active");
	put_node(&r, "n2", "disabled");
	UNTIL(r.loop, look(&r, "n2").pods == 0 && rolled_out(&r, 3));
	rig_done(&r);
}

/* --- faults --- */

TEST(transactions_that_end_badly)
{
	static const struct {
		enum store_outcome outcome;
		bool carried_out;
	} rows[] = {
	        {STORE_E_CONFLICT, false},    {STORE_E_UNKNOWN, false},  {STORE_E_UNKNOWN, true},
	        {STORE_E_UNAVAILABLE, false}, {STORE_E_INTERNAL, false},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct rig r;
		rig_init(&r);
		put_node(&r, "n1", "active");
		put_node(&r, "n2", "active");
		put_service(&r, WEB, 2, "x:1", "");
		UNTIL(r.loop, rolled_out(&r, 2));
		memory_store_fail_txns(r.stores[0], 2, rows[i].outcome, rows[i].carried_out);
		put_service(&r, WEB, 7, "x:1", "");
		UNTIL(r.loop, rolled_out(&r, 7));
		memory_store_fail_txns(r.stores[0], 2, rows[i].outcome, rows[i].carried_out);
		put_service(&r, WEB, 7, "x:2", "");
		UNTIL(r.loop, rolled_out(&r, 7) && holds(&r, WEB, "Available", true));
		check_quiet(&r);
		/* nothing is left booked of what was not carried out: the spread is even */
		size_t n1 = look(&r, "n1").pods;
		CHECK(n1 == 3 || n1 == 4);
		rig_done(&r);
	}
}

TEST(a_reply_that_is_lost_while_events_are_late_makes_no_second_pod)
{
	struct rig r;
	rig_init(&r);
	put_node(&r, "n1", "active");
	put_node(&r, "n2", "active");
	put_service(&r, WEB, 1, "x:1", "");
	UNTIL(r.loop, rolled_out(&r, 1));
	put_service(&r, WEB, 0, "x:1", "");
	UNTIL(r.loop, rolled_out(&r, 0));
	uint64_t before = memory_store_counts(r.stores[0]).txns;
	put_service(&r, WEB, 3, "x:1", "");
	memory_store_fail_txns(r.stores[0], 1, STORE_E_UNKNOWN, true);
	/* the change has to be seen; what follows from it is not */
	UNTIL(r.loop, memory_store_counts(r.stores[0]).txns > before);
	memory_store_hold_events(r.stores[0], true);
	UNTIL(r.loop, memory_store_counts(r.stores[0]).txns > before + 3);
	CHECK_INT(look(&r, NULL).pods, 3);
	memory_store_hold_events(r.stores[0], false);
	UNTIL(r.loop, rolled_out(&r, 3));
	check_quiet(&r);
	CHECK_INT(look(&r, NULL).pods, 3);
	rig_done(&r);
}

TEST(restarted_in_mid_rollout)
{
	struct rig r;
	rig_init(&r);
	put_node(&r, "n1", "active");
	put_service(&r, WEB, 4, "x:1", "");
	UNTIL(r.loop, rolled_out(&r, 4));
	r.running = false;
	char *old = mem_strdup(status_of(&r, WEB)->revision);
	put_service(&r, WEB, 4, "x:2", "");
	UNTIL(r.loop, look(&r, NULL).pods == 5);
	rig_stop(&r, 0); /* as a crash: nothing is kept but the store */
	r.running = true;
	struct seen s = look(&r, NULL);
	CHECK_INT(s.pods, 5);
	rig_start(&r, 0);
	char key[KEY_SIZE];
	UNTIL(r.loop, status_of(&r, WEB) && !streq(status_of(&r, WEB)->revision, old));
	(void)snprintf(key, sizeof(key), "pods/n1/web-0-%s", status_of(&r, WEB)->revision);
	run_pod(&r, mirror_object(r.view, key), "Running");
	UNTIL(r.loop, rolled_out(&r, 4));
	CHECK(!streq(status_of(&r, WEB)->revision, old));
	free(old);
	rig_done(&r);
}

TEST(leadership_lost_and_taken_over)
{
	struct rig r;
	rig_init(&r);
	put_node(&r, "n1", "active");
	put_service(&r, WEB, 2, "x:1", "");
	UNTIL(r.loop, rolled_out(&r, 2));
	rig_start(&r, 1);
	drive_settle(r.loop);
	uint64_t idle = memory_store_counts(r.stores[1]).txns;
	put_service(&r, WEB, 3, "x:1", "");
	UNTIL(r.loop, rolled_out(&r, 3));
	CHECK_INT(memory_store_counts(r.stores[1]).txns, idle); /* who does not lead only watches */
	memory_store_cut(r.stores[0], true);
	memory_store_advance(r.store, 10000);
	put_service(&r, WEB, 5, "x:1", "");
	UNTIL(r.loop, rolled_out(&r, 5));
	memory_store_cut(r.stores[0], false);
	put_service(&r, WEB, 6, "x:2", "");
	UNTIL(r.loop, rolled_out(&r, 6));
	check_quiet(&r);
	/* the other way round, by leaving */
	rig_stop(&r, 1);
	put_service(&r, WEB, 1, "x:2", "");
	UNTIL(r.loop, rolled_out(&r, 1));
	rig_done(&r);
}

TEST(an_empty_store_of_another_cluster_is_no_deletion)
{
	struct rig r;
	rig_init(&r);
	put_node(&r, "n1", "active");
	put_service(&r, WEB, 2, "x:1", "");
	UNTIL(r.loop, rolled_out(&r, 2));
	r.running = false;
	memory_store_replace(r.store);
	UNTIL(r.loop, mirror_get(r.view, WEB)->orphan);
	/* a new life begins beside what is left of the old one */
	put_node(&r, "n1", "active");
	put_service(&r, "microservices/default/api", 1, "x:1", "");
	UNTIL(r.loop, look(&r, NULL).pods == 1);
	check_quiet(&r);
	char *left = drive_list(r.store, "/tug/status/microservices/default/web");
	CHECK_STR(left, "");
	free(left);
	/* and the old one goes on when its value is put back */
	put_service(&r, WEB, 2, "x:1", "");
	UNTIL(r.loop, look(&r, NULL).pods == 3);
	rig_done(&r);
}

TEST(a_store_that_went_back_is_no_deletion)
{
	struct rig r;
	rig_init(&r);
	put_node(&r, "n1", "active");
	drive_settle(r.loop);
	int64_t backup = memory_store_revision(r.store);
	put_service(&r, WEB, 2, "x:1", "");
	UNTIL(r.loop, rolled_out(&r, 2));
	r.running = false;
	memory_store_restore(r.store, backup);
	UNTIL(r.loop, mirror_get(r.view, WEB) && mirror_get(r.view, WEB)->orphan);
	put_health(&r, "n1");
	check_quiet(&r);
	CHECK_LIST(r.store, "/tug/pods/", "");
	put_service(&r, WEB, 2, "x:1", "");
	UNTIL(r.loop, look(&r, NULL).pods == 2);
	rig_done(&r);
}

/* --- sizes --- */

TEST(large_pods_travel_in_smaller_batches)
{
	enum { VALUE = 300000 };
	struct rig r;
	rig_init(&r);
	put_node(&r, "n1", "active");
	struct str text = STR_INIT;
	str_puts(&text, "scale: 12\ncontainers: {app: {image: x, env: [");
	for (int i = 0; i < 10; i++) {
		str_printf(&text, "%s\"A%d=", i ? ", " : "", i);
		for (int k = 0; k < VALUE / 10; k++)
			str_putc(&text, 'a');
		str_putc(&text, '"');
	}
	str_puts(&text, "]}}\n");
	put(&r, WEB, str_get(&text));
	str_done(&text);
	UNTIL(r.loop, look(&r, NULL).pods == 12);
	struct seen s = {0};
	mirror_list(r.view, "pods/", count_revision, &s);
	CHECK(s.most_in_one < (size_t)LIMIT_TXN_BYTES / VALUE + 1);
	CHECK(s.most_in_one > 1);
	UNTIL(r.loop, rolled_out(&r, 12));
	check_quiet(&r);
	rig_done(&r);
}

static void count_events(void *ctx, const struct mirror_entry *e)
{
	struct seen *s = ctx;
	const struct event *event = e->obj;
	CHECK(event);
	if (streq(event->object, s->service) && streq(event->reason, s->project))
		s->pods++;
}

static size_t n_events(const struct rig *r, const char *object, const char *reason)
{
	struct seen s = {.service = object, .project = reason};
	mirror_list(r->view, "events/", count_events, &s);
	return s.pods;
}

TEST(events_for_people)
{
	struct rig r;
	rig_init(&r);
	put_node(&r, "n1", "active");
	put_service(&r, WEB, 2, "x:1", "");
	UNTIL(r.loop, rolled_out(&r, 2));
	UNTIL(r.loop, n_events(&r, "microservice/default/web", "Scheduled") == 1);
	put_service(&r, WEB, 3, "x:2", "");
	UNTIL(r.loop, n_events(&r, "microservice/default/web", "RolledOut") == 1);
	CHECK_INT(n_events(&r, "microservice/default/web", "Scaled"), 1);
	put(&r, WEB, "no: thing\n");
	UNTIL(r.loop, n_events(&r, "microservice/default/web", "Invalid") == 1);
	del(&r, "health/n1");
	UNTIL(r.loop, n_events(&r, "node/n1", "NodeLost") == 1);
	UNTIL(r.loop, n_events(&r, "microservice/default/web", "Unplaceable") == 1);
	rig_done(&r);
}
