/* The mirror with objects: what parses, what does not, and that both are told. */
#include "kind/microservice.h"
#include "kind/node.h"
#include "lib/store_drive.h"
#include "memory/memory.h"
#include "mirror/mirror.h"

struct bench {
	struct loop *loop;
	struct store *s;
	struct mirror *m;
	bool synced;
	unsigned changes;
};

static void on_change(void *ctx, const char *key _unused_, const struct mirror_entry *was _unused_,
                      const struct mirror_entry *now _unused_)
{
	((struct bench *)ctx)->changes++;
}

static void on_synced(void *ctx)
{
	((struct bench *)ctx)->synced = true;
}

static void begin(struct bench *b)
{
	static const struct mirror_callbacks cbs = {.on_change = on_change, .on_synced = on_synced};
	static const char *const prefixes[] = {"microservices/", "nodes/", "unheard-of/", NULL};
	*b = (struct bench){.loop = loop_new()};
	b->s = memory_store_new(b->loop);
	(void)drive_put(b->s, "/tug/nodes/n1", "{\"kind\":\"node\",\"zone\":\"z1\"}");
	b->m = mirror_new(b->s, "/tug", prefixes, true, &cbs, b);
	UNTIL(b->loop, b->synced);
}

static void end(struct bench *b)
{
	b->m = mirror_free(b->m);
	b->s = store_free(b->s);
	b->loop = loop_free(b->loop);
}

/* Puts the value and returns the entry once its change was told. */
static const struct mirror_entry *put(struct bench *b, const char *key, const char *value)
{
	unsigned before = b->changes;
	_cleanup_free_ char *whole = mem_printf("/tug/%s", key);
	(void)drive_put(b->s, whole, value);
	UNTIL(b->loop, b->changes == before + 1);
	return mirror_get(b->m, key);
}

TEST(objects_of_the_first_list)
{
	struct bench b;
	begin(&b);
	const struct node *n = mirror_object(b.m, "nodes/n1");
	CHECK(n);
	CHECK_STR(n->name, "n1");
	CHECK_STR(n->zone, "z1");
	CHECK(mirror_get(b.m, "nodes/n1")->kind == &kind_node);
	CHECK(!mirror_get(b.m, "nodes/n1")->err);
	end(&b);
}

TEST(yaml_as_people_write_it)
{
	struct bench b;
	begin(&b);
	const struct mirror_entry *e =
	        put(&b, "microservices/default/web",
	            "kind: microservice\nscale: 3\ncontainers:\n  app:\n    image: hello\n");
	CHECK(e->obj);
	CHECK(e->kind == &kind_microservice);
	CHECK_STR(((const struct microservice *)e->obj)->name, "web");
	end(&b);
}

TEST(what_is_not_valid_is_told_with_its_line)
{
	struct bench b;
	begin(&b);
	const char *bad = "kind: microservice\nscale: 3\ncontainers:\n  app:\n    image: 5\n";
	const struct mirror_entry *e = put(&b, "microservices/default/web", bad);
	CHECK(!e->obj);
	CHECK(e->err);
	CHECK_INT(e->err->line, 5);
	CHECK_HAS(e->err->path, "containers.app.image");
	CHECK_STR(e->value, bad);
	e = put(&b, "microservices/default/web", "a: [");
	CHECK(!e->obj && e->err);
	e = put(&b, "microservices/default/web", "");
	CHECK(!e->obj && e->err);
	e = put(&b, "microservices/default/web",
	        "kind: microservice\ncontainers:\n  app:\n    image: hello\n");
	CHECK(e->obj && !e->err);
	end(&b);
}

TEST(a_key_of_no_kind_has_its_value_only)
{
	struct bench b;
	begin(&b);
	const struct mirror_entry *e = put(&b, "unheard-of/x", "1");
	CHECK(!e->kind && !e->obj && !e->err);
	CHECK_STR(e->value, "1");
	end(&b);
}

TEST(own_writes_are_decoded_too)
{
	struct bench b;
	begin(&b);
	const char *text = "{\"kind\":\"node\",\"zone\":\"z2\"}";
	mirror_wrote(b.m, "nodes/n1", text, strlen(text), drive_put(b.s, "/tug/nodes/n1", text));
	CHECK_STR(((const struct node *)mirror_object(b.m, "nodes/n1"))->zone, "z2");
	end(&b);
}
