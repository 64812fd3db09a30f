#include "controllers/runner/snapshot.h"

#include <errno.h>
#include <stdlib.h>

#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"

#define SNAPSHOT_VERSION 1

/* --- the text --- */

static struct history history_read(const struct value *v)
{
	return (struct history){.cluster = (uint64_t)value_get_int(v, "cluster"),
	                        .rev = value_get_int(v, "rev")};
}

static void history_write(struct history h, struct value *v)
{
	value_set(v, "cluster", value_new_int((int64_t)h.cluster));
	value_set(v, "rev", value_new_int(h.rev));
}

static int parse_pod(const struct value *v, struct history history, struct arena *a, struct snapshot_pod *ret)
{
	const char *name = value_get_string(v, "name"), *text = value_get_string(v, "text");
	const struct value *held = value_get(v, "held");
	if (!name || !*name || !text)
		return -EINVAL;
	*ret = (struct snapshot_pod){
	        .name = arena_strdup(a, name),
	        .text = arena_strdup(a, text),
	        .create_rev = value_get_int(v, "createRev"),
	        .held = held != NULL,
	        .known = held ? history_read(held) : history,
	};
	return 0;
}

int snapshot_parse(const char *text, size_t len, struct arena *a, struct snapshot *ret, struct error *err)
{
	*ret = (struct snapshot){0};
	_cleanup_value_ struct value *v = NULL;
	int q = json_parse(text, len, &v, err);
	if (q < 0)
		return q;
	if (value_get_int(v, "version") != SNAPSHOT_VERSION)
		return error_set(err, -EINVAL, "version", "is not %d", SNAPSHOT_VERSION);
	const struct value *pods = value_get(v, "pods");
	if (value_type(pods) != VALUE_ARRAY)
		return error_set(err, -EINVAL, "pods", "must be an array");
	struct snapshot s = {.history = history_read(v), .n_pods = value_count(pods)};
	s.pods = ARENA_ARRAY(a, struct snapshot_pod, s.n_pods);
	for (size_t i = 0; i < s.n_pods; i++)
		if (parse_pod(value_at(pods, i), s.history, a, &s.pods[i]) < 0)
			return error_set(err, -EINVAL, "pods", "item %zu has no name or no text", i);
	*ret = s;
	return 0;
}

void snapshot_print(const struct snapshot *s, struct str *out)
{
	_cleanup_value_ struct value *v = value_new_object();
	value_set(v, "version", value_new_int(SNAPSHOT_VERSION));
	history_write(s->history, v);
	struct value *pods = value_new_array();
	for (size_t i = 0; i < s->n_pods; i++) {
		const struct snapshot_pod *p = &s->pods[i];
		struct value *item = value_new_object();
		value_set(item, "name", value_new_string(p->name));
		value_set(item, "createRev", value_new_int(p->create_rev));
		if (p->held) {
			struct value *held = value_new_object();
			history_write(p->known, held);
			value_set(item, "held", held);
		}
		value_set(item, "text", value_new_string(p->text));
		value_append(pods, item);
	}
	value_set(v, "pods", pods);
	json_print(v, JSON_COMPACT, out);
}

int snapshot_load(const char *path, struct arena *a, struct snapshot *ret, struct error *err)
{
	*ret = (struct snapshot){0};
	_cleanup_str_ struct str text = STR_INIT;
	int q = file_read(path, SNAPSHOT_SIZE_MAX, &text);
	if (q < 0)
		return error_set(err, q, "", "%s: %s", path, strerror(-q));
	return snapshot_parse(str_get(&text), text.len, a, ret, err);
}
