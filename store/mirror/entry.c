#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "mirror/copy.h"

/* One block for the entry, its key and its value: a copy of ten thousand keys is ten thousand allocations,
 * not thirty. */
struct mirror_entry *mirror_entry_new(const struct mirror *m, const struct store_kv *kv)
{
	size_t key_size = strlen(kv->key) + 1;
	struct mirror_entry *e = mem_alloc(sizeof(*e) + key_size + kv->value_len + 1);
	*e = (struct mirror_entry){
	        .refs = 1,
	        .key = (char *)(e + 1),
	        .value = (char *)(e + 1) + key_size,
	        .value_len = kv->value_len,
	        .create_rev = kv->create_rev,
	        .mod_rev = kv->mod_rev,
	        .lease = kv->lease,
	};
	memcpy(e->key, kv->key, key_size);
	if (kv->value_len)
		memcpy(e->value, kv->value, kv->value_len);
	e->value[kv->value_len] = '\0';
	if (!m->decode)
		return e;
	const char *below = e->key + m->root_len;
	e->kind = kind_of_key(below);
	struct error err = {0};
	if (e->kind && kind_parse_stored(e->kind, below, e->value, e->value_len, &e->obj, &err) != 0) {
		e->obj = NULL;
		e->err = mem_dup(&err, sizeof(err));
	}
	return e;
}

struct mirror_entry *mirror_entry_ref(struct mirror_entry *e)
{
	e->refs++;
	return e;
}

struct mirror_entry *mirror_entry_unref(struct mirror_entry *e)
{
	if (!e || --e->refs)
		return NULL;
	if (e->obj)
		(void)kind_free(e->kind, e->obj);
	free(e->err);
	free(e);
	return NULL;
}
