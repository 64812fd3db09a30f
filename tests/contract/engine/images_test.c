/* Images: what is here, what a pull brings, and what it says when it brings nothing. */
#include "contract/engine/on_docker.h"
#include "contract/engine/registry.h"

#define POD "web-0-abc123"

TEST_ENGINES(what_is_here_is_known_without_asking, true)
{
	CHECK_INT(do_find(w, HELLO), ENGINE_OK);
	CHECK_INT(do_find(w, "nowhere:test"), ENGINE_E_NO_IMAGE);
	CHECK_HAS(w->text, "nowhere:test");
}

TEST_ENGINES(the_coming_and_going_of_an_image_is_told, true)
{
	CHECK_INT(do_find(w, "other:1"), ENGINE_E_NO_IMAGE);
	w->maker->tag(w, HELLO, "other:1");
	WAIT(w, w->image_news == 1);
	CHECK_STR(w->image, "other:1");
	CHECK(w->image_present);
	CHECK_INT(do_find(w, "other:1"), ENGINE_OK);
	w->maker->tag(w, HELLO, "unasked:1");
	w->maker->untag(w, "other:1");
	WAIT(w, w->image_news == 2);
	CHECK_STR(w->image, "other:1");
	CHECK(!w->image_present);
	CHECK_INT(do_find(w, "other:1"), ENGINE_E_NO_IMAGE);
	CHECK_INT(do_find(w, "unasked:1"), ENGINE_OK);
	w->maker->untag(w, "unasked:1");
}

TEST_ENGINES(an_import_makes_an_image, true)
{
	_cleanup_str_ struct str tar = STR_INIT;
	docker_tar(&tar);
	for (int i = 0; i < 2; i++) { /* again: the name moves */
		w->pending = 1;
		(void)w->e->ops->image_import(w->e, "made/here:2", tar.data, tar.len,
		                              "[\"/hello\", \"exit\", \"0\"]", on_done, w);
		WAIT(w, w->pending == 0);
		CHECK_INT(w->result, ENGINE_OK);
		CHECK_INT(do_find(w, "made/here:2"), ENGINE_OK);
	}
	struct pod *p = pod_make(w, POD, "{'app': {'image': 'made/here:2'}}");
	CHECK_INT(do_create(w, p), ENGINE_OK);
	pod_drop(p);
	CHECK_INT(do_remove(w, POD, 0), ENGINE_OK);
	w->maker->untag(w, "made/here:2");
}

/* An archive that is none: only a real engine reads it. */
TEST_ENGINES(an_import_of_rubbish_fails, m->real)
{
	w->pending = 1;
	(void)w->e->ops->image_import(w->e, "made/rubbish:1", "rubbish", 7, NULL, on_done, w);
	WAIT(w, w->pending == 0);
	CHECK(w->result != ENGINE_OK);
	CHECK(w->text[0]);
	CHECK_INT(do_find(w, "made/rubbish:1"), ENGINE_E_NO_IMAGE);
}

static void pull_ok(struct world *w, const char *name)
{
	_cleanup_free_ char *ref = w->maker->registry(w, name);
	if (do_pull(w, ref))
		test_fail(__FILE__, __LINE__, "%s: %s", ref, w->text);
	CHECK_INT(do_find(w, ref), ENGINE_OK);
	CHECK_INT(do_pull(w, ref), ENGINE_OK); /* it is up to date */
	_cleanup_free_ char *containers = mem_printf("{'app': {'image': '%s'}}", ref);
	struct pod *p = pod_make(w, POD, containers);
	CHECK_INT(do_create(w, p), ENGINE_OK);
	CHECK_INT(do_remove(w, POD, 0), ENGINE_OK);
	pod_drop(p);
	w->maker->untag(w, ref);
	WAIT(w, do_find(w, ref) == ENGINE_E_NO_IMAGE);
}

TEST_ENGINES(a_pull_brings_the_image, true)
{
	pull_ok(w, "good");
	pull_ok(w, "digest");
	pull_ok(w, "moved");
}

static void pull_fails(struct world *w, const char *name, enum engine_result want, const char *text)
{
	_cleanup_free_ char *ref = w->maker->registry(w, name);
	enum engine_result r = do_pull(w, ref);
	if (r != want)
		test_fail(__FILE__, __LINE__, "%s is %s, not %s: %s", name, engine_result_name(r),
		          engine_result_name(want), w->text);
	CHECK_HAS(w->text, ref);
	CHECK_HAS(w->text, text);
	CHECK_INT(do_find(w, ref), ENGINE_E_NO_IMAGE);
}

TEST_ENGINES(why_a_pull_brings_nothing, true)
{
	pull_fails(w, "unknown", ENGINE_E_NO_IMAGE, "manifest unknown");
	pull_fails(w, "unauthorised", ENGINE_E_NO_IMAGE, "unauthorized");
	pull_fails(w, "too-many", ENGINE_E_FAILED, "toomanyrequests");
	pull_fails(w, "broken", ENGINE_E_FAILED, "received unexpected HTTP status: 503");
	pull_fails(w, "damaged", ENGINE_E_FAILED, "filesystem layer verification failed");
	pull_fails(w, "refused", ENGINE_E_FAILED, "connection refused");
	pull_fails(w, "no-tls", ENGINE_E_FAILED, "tls: first record does not look like a TLS handshake");
}

TEST_ENGINES(a_bad_reference_is_no_image, m->real)
{
	CHECK_INT(do_pull(w, "UPPER CASE!:1"), ENGINE_E_NO_IMAGE);
	CHECK(w->text[0]);
}

TEST_ENGINES(pulls_of_one_image_are_one, true)
{
	_cleanup_free_ char *ref = w->maker->registry(w, "good");
	for (int i = 0; i < 3; i++) {
		w->pending++;
		(void)w->e->ops->image_pull(w->e, ref, NULL, on_done, w);
	}
	WAIT(w, w->pending == 0);
	CHECK_INT(w->oks, 3);
	if (w->maker->real)
		CHECK_INT(registry_layers(docker_registry(w), "good"), 1);
	w->maker->untag(w, ref);
}

struct download {
	int64_t now, total;
	unsigned told;
};

static void on_progress(void *ctx, int64_t now, int64_t total)
{
	struct download *d = ctx;
	CHECK(now >= d->now && now <= total);
	d->now = now;
	d->total = total;
	d->told++;
}

static void never(void *ctx _unused_, enum engine_result result _unused_, const struct error *err _unused_)
{
	test_fail(__FILE__, __LINE__, "called back after it was cancelled");
}

TEST_ENGINES(a_cancelled_pull_leaves_nothing, true)
{
	_cleanup_free_ char *ref = w->maker->registry(w, "slow"), *good = w->maker->registry(w, "good");
	struct download d = {0};
	struct engine_op *op = w->e->ops->image_pull(w->e, ref, on_progress, never, &d);
	WAIT(w, d.told > 0);
	CHECK(d.now > 0 && d.total > d.now);
	/* meanwhile everything else goes on */
	run_pod(w, POD, "{'app': {'image': '" HELLO "'}}");
	CHECK_INT(do_pull(w, good), ENGINE_OK);
	w->e->ops->cancel(w->e, op);
	unsigned told = d.told;
	CHECK_INT(do_stop(w, POD, "app", 1000), ENGINE_OK);
	CHECK_INT(do_find(w, ref), ENGINE_E_NO_IMAGE);
	CHECK_INT(d.told, told);
	w->maker->untag(w, good);
}

TEST_ENGINES(one_of_two_who_wait_for_an_image_may_go, true)
{
	_cleanup_free_ char *ref = w->maker->registry(w, "good");
	struct engine_op *op = w->e->ops->image_pull(w->e, ref, NULL, never, w);
	w->pending = 1;
	(void)w->e->ops->image_pull(w->e, ref, NULL, on_done, w);
	w->e->ops->cancel(w->e, op);
	WAIT(w, w->pending == 0);
	CHECK_INT(w->result, ENGINE_OK);
	w->maker->untag(w, ref);
}

/* A registry that does not answer at all keeps nobody else waiting; who gives up is rid of it at once. */
TEST_ENGINES(a_registry_that_hangs, m->real)
{
	_cleanup_free_ char *hang = w->maker->registry(w, "hang"), *good = w->maker->registry(w, "good");
	struct engine_op *op = w->e->ops->image_pull(w->e, hang, NULL, never, w);
	CHECK_INT(do_pull(w, good), ENGINE_OK);
	run_pod(w, POD, "{'app': {'image': '" HELLO "'}}");
	w->e->ops->cancel(w->e, op);
	CHECK_INT(do_find(w, hang), ENGINE_E_NO_IMAGE);
	w->maker->untag(w, good);
}
