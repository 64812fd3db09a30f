#include "controllers/runner/shell.h"

#include <errno.h>
#include <inttypes.h>

#include "core/file.h"
#include "core/log.h"
#include "core/mem.h"

#define SOON_MS  250   /* a burst of new pods is one write */
#define AGAIN_MS 30000 /* after a failed write */

static char *directory(const struct runner *r)
{
	return mem_printf("%s/runner", r->cfg.data_dir);
}

static void restore_slot(struct runner *r, const struct snapshot_pod *p)
{
	char key[KEY_SIZE];
	if (strlen(p->name) >= POD_NAME_SIZE)
		return;
	(void)key_format(&kind_pod, r->node, p->name, key, sizeof(key));
	struct error err = {0};
	void *pod = NULL;
	int q = kind_parse_stored(&kind_pod, key, p->text, strlen(p->text), &pod, &err);
	if (q < 0) {
		char text[768];
		log_event(LOG_WARN, "snapshot.pod", p->name, "why=%s",
		          log_quote(error_format(&err, text, sizeof(text))));
		return;
	}
	struct slot *s = runner_slot(r, p->name);
	(void)slot_want(s, pod, NULL, p->text, p->create_rev, 0);
	s->held = p->held;
	s->known = p->known;
	kind_free(&kind_pod, pod);
}

static void on_written(void *ctx, int result)
{
	struct runner *r = ctx;
	if (result < 0) {
		log_event(LOG_WARN, "snapshot.failed", NULL, "why=%s", log_quote(strerror(-result)));
		r->to_remember = true;
	}
	if (r->to_remember)
		loop_timer_in(&r->remember, result < 0 ? AGAIN_MS : SOON_MS);
}

static void print(struct runner *r, struct str *out)
{
	struct arena a = ARENA_INIT;
	struct snapshot snap = {.history = r->list,
	                        .pods = ARENA_ARRAY(&a, struct snapshot_pod, r->slots.count)};
	map_for_each (e, &r->slots) {
		const struct slot *s = e->value;
		if (!s->want)
			continue;
		snap.pods[snap.n_pods++] = (struct snapshot_pod){
		        .name = s->name,
		        .text = s->text,
		        .create_rev = s->create_rev,
		        .held = s->held,
		        .known = s->known,
		};
	}
	snapshot_print(&snap, out);
	arena_done(&a);
}

static void on_due(void *ctx)
{
	struct runner *r = ctx;
	/* before the store was heard nothing new is known, and its history would be lost */
	if (!r->synced || !r->to_remember || snapshot_writer_busy(r->writer))
		return;
	struct str text = STR_INIT;
	print(r, &text);
	r->to_remember = false;
	int q = snapshot_write(r->writer, &text);
	if (q < 0)
		on_written(r, q);
}

void remember_load(struct runner *r)
{
	_cleanup_free_ char *dir = directory(r), *path = mem_printf("%s/pods.json", dir);
	int q = file_mkdirs(dir, 0700);
	if (q < 0)
		log_event(LOG_WARN, "snapshot.directory", NULL, "path=%s why=%s", log_quote(dir),
		          log_quote(strerror(-q)));
	r->writer = snapshot_writer_new(r->loop, path, on_written, r);
	loop_timer_init(r->loop, &r->remember, on_due, r);

	struct arena a = ARENA_INIT;
	struct snapshot snap;
	struct error err = {0};
	q = snapshot_load(path, &a, &snap, &err);
	if (q < 0 && q != -ENOENT) {
		char text[768];
		log_event(LOG_WARN, "snapshot.unreadable", NULL, "path=%s why=%s", log_quote(path),
		          log_quote(error_format(&err, text, sizeof(text))));
	}
	for (size_t i = 0; i < snap.n_pods; i++)
		restore_slot(r, &snap.pods[i]);
	if (snap.n_pods)
		log_event(LOG_INFO, "snapshot.read", NULL, "pods=%zu rev=%" PRId64, snap.n_pods,
		          snap.history.rev);
	arena_done(&a);
}

void remember_soon(struct runner *r)
{
	r->to_remember = true;
	if (!loop_timer_active(&r->remember) && !snapshot_writer_busy(r->writer))
		loop_timer_in(&r->remember, SOON_MS);
}

void remember_now(struct runner *r)
{
	/* how a write ends that is under way is not heard any more */
	if (!r->synced || !(r->to_remember || snapshot_writer_busy(r->writer)))
		return;
	_cleanup_free_ char *dir = directory(r), *path = mem_printf("%s/pods.json", dir);
	_cleanup_str_ struct str text = STR_INIT;
	r->writer = snapshot_writer_free(r->writer);
	print(r, &text);
	int q = file_write(path, str_get(&text), text.len, 0600);
	if (q < 0)
		log_event(LOG_WARN, "snapshot.failed", NULL, "why=%s", log_quote(strerror(-q)));
}

void remember_done(struct runner *r)
{
	loop_timer_stop(&r->remember);
	r->writer = snapshot_writer_free(r->writer);
}
