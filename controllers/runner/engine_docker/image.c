/* Which images are here: a list of names kept up to date by the engine's image events, so that the question
 * "is it here?" costs no call. */
#include "controllers/runner/engine_docker/docker.h"

#include <errno.h>

#include "core/json.h"
#include "core/limits.h"
#include "core/mem.h"

#define NAMES_MAX 20000 /* names of images that are remembered */
#define ASKED_MAX 1000  /* references whose coming and going is told */

/*
 * The one form in which references are compared: Docker shows "nginx:1" for what Podman shows as
 * "docker.io/library/nginx:1" or, made locally, "localhost/nginx:1". A tag beside a digest does not count, a
 * missing one is "latest".
 */
static char *familiar(const char *ref)
{
	static const char *const prefixes[] = {"index.docker.io/", "docker.io/", "library/", "localhost/"};
	for (size_t i = 0; i < ELEMENTS(prefixes); i++) {
		const char *rest = str_after(ref, prefixes[i]);
		if (rest && *rest)
			ref = rest;
	}
	const char *digest = strchr(ref, '@'), *slash = strrchr(ref, '/');
	const char *colon = strchr(slash ? slash : ref, ':');
	if (digest) {
		const char *end = colon && colon < digest ? colon : digest;
		return mem_printf("%.*s%s", (int)(end - ref), ref, digest);
	}
	return colon ? mem_strdup(ref) : mem_printf("%s:latest", ref);
}

/* "sha256:..." and nothing before it names an image by its id. */
static bool is_id(const char *ref)
{
	return str_after(ref, "sha256:") != NULL;
}

bool image_here(const struct docker *d, const char *ref)
{
	if (is_id(ref))
		return map_get(&d->images, ref) != NULL;
	_cleanup_free_ char *name = familiar(ref);
	return map_get(&d->images, name) != NULL;
}

static void add_names(struct docker *d, const struct value *names)
{
	value_for_each_item (i, item, names) {
		const char *s = value_string(item);
		if (!s || d->images.count >= NAMES_MAX || strlen(s) > LIMIT_IMAGE || str_after(s, "<none>"))
			continue;
		_cleanup_free_ char *name = familiar(s);
		(void)map_put(&d->images, name, d);
	}
}

/* Tells of what was asked for and is here now or no more. */
static void tell(struct docker *d)
{
	for (size_t i = 0; i < d->asked.count; i++) {
		struct map_entry *e = &d->asked.entries[i];
		bool now = image_here(d, e->key), before = e->value == (void *)&d->asked;
		if (now == before)
			continue;
		e->value = now ? (void *)&d->asked : (void *)d;
		if (d->cbs.on_image && d->base.up)
			d->cbs.on_image(d->ctx, e->key, now);
	}
}

static void on_images(void *ctx, const struct http_response *r)
{
	struct docker *d = ctx;
	d->images_listing = NULL;
	_cleanup_value_ struct value *items = NULL;
	if (r->result != HTTP_OK || r->status != 200 || json_parse(r->body, r->body_len, &items, NULL) < 0 ||
	    value_type(items) != VALUE_ARRAY) {
		_cleanup_free_ char *text =
		        mem_printf("the list of images: %.300s", r->result != HTTP_OK ? r->text : r->body);
		session_lost(d, text);
		return;
	}
	map_done(&d->images, NULL);
	value_for_each_item (i, item, items) {
		const char *id = value_get_string(item, "Id");
		if (id && d->images.count < NAMES_MAX)
			(void)map_put(&d->images, id, d);
		add_names(d, value_get(item, "RepoTags"));
		add_names(d, value_get(item, "RepoDigests"));
	}
	d->images_listed = true;
	if (d->images_again) {
		d->images_again = false;
		image_list(d);
	}
	tell(d);
	session_check(d);
}

void image_list(struct docker *d)
{
	if (d->images_listing) {
		d->images_again = true; /* what it misses comes with the next one */
		return;
	}
	d->images_listing = docker_call(d, d->quick, "GET", mem_strdup("/images/json?digests=1"), NULL,
	                                DEADLINE_LIST, on_images, d);
}

void image_arrived(struct docker *d, const char *ref)
{
	_cleanup_free_ char *name = familiar(ref);
	(void)map_put(&d->images, is_id(ref) ? ref : name, d);
}

char *image_target(const char *ref, const char *suffix)
{
	struct str s = STR_INIT;
	str_puts(&s, "/images/");
	for (const char *p = ref; *p; p++) {
		char c[2] = {*p, '\0'};
		if (strchr("/:@", *p))
			str_putc(&s, *p);
		else
			http_escape(&s, c);
	}
	str_puts(&s, suffix);
	return str_take(&s);
}

/* --- find --- */

static void find_free(struct docker_op *op)
{
	list_remove(&op->link);
	free(op);
}

static void find_cancel(struct docker_op *op _unused_)
{
}

struct engine_op *image_find(struct engine *e, const char *ref, engine_done_fn *done, void *ctx)
{
	struct docker *d = docker_of(e);
	struct docker_op *op = NEW(struct docker_op);
	docker_op_init(d, op, done, ctx, find_cancel, find_free);
	struct error err = {0};
	if (d->phase != PHASE_UP) {
		(void)error_set(&err, -EAGAIN, "", "the engine is not connected");
		docker_op_finish(op, ENGINE_E_UNAVAILABLE, &err);
		return (struct engine_op *)(void *)op;
	}
	bool here = image_here(d, ref);
	if (d->asked.count >= ASKED_MAX)
		map_done(&d->asked, NULL);
	(void)map_put(&d->asked, ref, here ? (void *)&d->asked : (void *)d);
	(void)error_set(&err, -ENOENT, "", "the image %s is not on this node", ref);
	docker_op_finish(op, here ? ENGINE_OK : ENGINE_E_NO_IMAGE, here ? NULL : &err);
	return (struct engine_op *)(void *)op;
}
