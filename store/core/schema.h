/*
 * One declaration of an object's fields, many uses.
 *
 * A kind is a plain, documented C structure plus a table of `struct field`. From the table come: parsing with
 * defaults, bounds and messages that name the path; printing in table order; deep copy, free, equality; the
 * difference of two objects as a change class; a stable hash of the fields that make a new revision; JSON Schema
 * (for /openapi.json), `tug explain`, completion and the fuzz dictionary. Adding a field touches one line of the
 * structure and one row of the table.
 *
 * Every structure that a schema describes begins with `uint64_t present;`: bit i is set when row i was given in what was
 * parsed, so that absent and zero are different and defaults round-trip. At most 64 rows. A program that fills a
 * structure itself need not set it: a member that differs from its default counts as given. Only for rows marked
 * .optional, where absent means something else than zero (hostPort: none / a random one), it sets schema_bit().
 *
 * In a document, null is the same as absent.
 *
 * C type of a member by field type (checked at compile time by the FIELD_... macros):
 *
 *   STRING    char *                      INT, BYTES, DURATION (ms), CPU (milli-cores)   int64_t
 *   BOOL      bool                        ENUM      int (index into .words)
 *   STRINGS   struct strings              PAIRS     struct pairs (a map string -> string)
 *   OBJECT    embedded structure          OPTIONAL  pointer to a structure, NULL when absent
 *   LIST      struct list_of              MAP       struct list_of, whose items have `char *name` as second member
 *                                                   (the key of the map; kept sorted by name)
 *   VALUE     struct value * (anything)             KIND      no member: the constant `kind: WORD`
 *
 * What is accepted beyond JSON's own type: BYTES also "64M"; DURATION a string as core/str.h reads it, or a number
 * of seconds; CPU a number of cores (0.5) or "500m"; PAIRS with .env = true also a list of "KEY=value", and numbers and
 * booleans as values. A row with .parse reads and prints any other shape itself (scale: 2 or {min, max, cpu}).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/str.h"
#include "core/value.h"

struct strings {
	char **items;
	size_t count;
};

struct pair {
	char *key, *value;
};

struct pairs {
	struct pair *items; /* sorted by key; env keeps the order given */
	size_t count;
};

/* The value of key, or NULL. */
const char *pairs_get(const struct pairs *p, const char *key) _nonnull_(1, 2);

/* A list of structures, each allocated in one array. Typed access: LIST_ITEMS(&x->containers, struct container). */
struct list_of {
	void *items;
	size_t count;
};
#define LIST_ITEMS(l, type) ((type *)(l)->items)

enum field_type {
	FIELD_STRING,
	FIELD_BOOL,
	FIELD_INT,
	FIELD_BYTES,
	FIELD_DURATION,
	FIELD_CPU,
	FIELD_ENUM,
	FIELD_STRINGS,
	FIELD_PAIRS,
	FIELD_OBJECT,
	FIELD_OPTIONAL,
	FIELD_LIST,
	FIELD_MAP,
	FIELD_VALUE,
	FIELD_KIND,
};

/*
 * What a change of the field does to something that runs, from weakest to strongest. The class of a row with .item says
 * what it means that items come or go, and bounds the classes of the rows inside: in a NONE row nothing matters.
 */
enum change { CHANGE_NONE, CHANGE_LIVE, CHANGE_RESTART, CHANGE_RECREATE, CHANGE_FORBIDDEN };

enum schema_source {
	SCHEMA_USER,   /* unknown fields are refused, with the nearest known name */
	SCHEMA_STORED, /* unknown fields are passed over: a newer version may have written them */
};

struct field {
	const char *name; /* the JSON key */
	enum field_type type;
	size_t offset;
	const struct schema *item; /* OBJECT, OPTIONAL, LIST, MAP */
	const char *const *words;  /* ENUM: NULL-terminated */
	bool required;
	bool secret;	 /* printed as "***" unless PRINT_SECRETS */
	bool env;	 /* PAIRS: also a list of "KEY=value"; order kept */
	bool optional;	 /* absent is a value of its own, different from zero (dflt is NULL) */
	bool keys_only;	 /* PAIRS: on_change speaks of the keys; a change of values alone is LIVE */
	const char *dflt; /* default in the written form ("1G", "30s", "true", "always"); NULL: the zero value */
	/*
	 * Numbers: bounds in the member's unit; strings: length in bytes; lists and maps: count. 0, 0: none for numbers and
	 * strings (sizes, durations and cores are never negative), LIMIT_STRINGS for lists and maps. max 0 with a min
	 * above it: no upper bound.
	 */
	int64_t min, max;
	enum change on_change;
	/* A further check of the member at p: 0 or error_set(err, -EINVAL, "", ...). */
	int (*check)(const void *p, struct error *err);
	/* A check of each key of a PAIRS or MAP, and each value of a STRINGS. */
	int (*check_key)(const char *key, struct error *err);
	/* A check of each value of a PAIRS. */
	int (*check_value)(const char *value, struct error *err);
	/* Reads, prints and describes (JSON Schema) a shape of its own of the member at p; all or none. */
	int (*parse)(const struct value *v, enum schema_source source, void *p, struct error *err);
	struct value *(*print)(const void *p, unsigned flags);
	struct value *(*describe)(void);
	const char *doc;     /* one sentence, for explain and the JSON Schema */
	const char *pending; /* not NULL: validated, but not carried out yet; a status condition says this text */
	/* NULL: pending whenever the field is given and asks for something; else only for these values of the member. */
	bool (*pending_if)(const void *p);
};

struct schema {
	const char *name; /* "microservice", "container" */
	const char *doc;
	size_t size; /* of the structure */
	const struct field *fields;
	size_t n_fields;
	bool named; /* for items of a MAP: the second member is `char *name`, owned like the fields */
	/* Fills members that are no fields from those that are (a port's number from its name); they are copied as bytes. */
	void (*derive)(void *obj);
	/* Rules over several fields; the structure is complete and every field is valid. */
	int (*check)(const void *obj, struct error *err);
};

#define FIELD_TYPED_(ctype, s, m) \
	(offsetof(s, m) + \
	 0 * sizeof(struct { \
		 _Static_assert(__builtin_types_compatible_p(__typeof__(((s *)0)->m), ctype), \
				"field " #m ": wrong C type for this schema type"); \
		 int unused; \
	 }))
#define FIELD_STRING(s, m, ...)	  {.name = #m, .type = FIELD_STRING, .offset = FIELD_TYPED_(char *, s, m), __VA_ARGS__}
#define FIELD_BOOL(s, m, ...)	  {.name = #m, .type = FIELD_BOOL, .offset = FIELD_TYPED_(bool, s, m), __VA_ARGS__}
#define FIELD_INT(s, m, ...)	  {.name = #m, .type = FIELD_INT, .offset = FIELD_TYPED_(int64_t, s, m), __VA_ARGS__}
#define FIELD_BYTES(s, m, ...)	  {.name = #m, .type = FIELD_BYTES, .offset = FIELD_TYPED_(int64_t, s, m), __VA_ARGS__}
#define FIELD_DURATION(s, m, ...) {.name = #m, .type = FIELD_DURATION, .offset = FIELD_TYPED_(int64_t, s, m), __VA_ARGS__}
#define FIELD_CPU(s, m, ...)	  {.name = #m, .type = FIELD_CPU, .offset = FIELD_TYPED_(int64_t, s, m), __VA_ARGS__}
#define FIELD_ENUM(s, m, w, ...) \
	{.name = #m, .type = FIELD_ENUM, .offset = FIELD_TYPED_(int, s, m), .words = (w), __VA_ARGS__}
#define FIELD_STRINGS(s, m, ...) \
	{.name = #m, .type = FIELD_STRINGS, .offset = FIELD_TYPED_(struct strings, s, m), __VA_ARGS__}
#define FIELD_PAIRS(s, m, ...)	 {.name = #m, .type = FIELD_PAIRS, .offset = FIELD_TYPED_(struct pairs, s, m), __VA_ARGS__}
#define FIELD_OBJECT(s, m, t, sch, ...) \
	{.name = #m, .type = FIELD_OBJECT, .offset = FIELD_TYPED_(t, s, m), .item = (sch), __VA_ARGS__}
#define FIELD_OPTIONAL(s, m, t, sch, ...) \
	{.name = #m, .type = FIELD_OPTIONAL, .offset = FIELD_TYPED_(t *, s, m), .item = (sch), __VA_ARGS__}
#define FIELD_LIST(s, m, sch, ...) \
	{.name = #m, .type = FIELD_LIST, .offset = FIELD_TYPED_(struct list_of, s, m), .item = (sch), __VA_ARGS__}
#define FIELD_MAP(s, m, sch, ...) \
	{.name = #m, .type = FIELD_MAP, .offset = FIELD_TYPED_(struct list_of, s, m), .item = (sch), __VA_ARGS__}
#define FIELD_VALUE(s, m, ...) \
	{.name = #m, .type = FIELD_VALUE, .offset = FIELD_TYPED_(struct value *, s, m), __VA_ARGS__}
#define FIELD_KIND(word) \
	{.name = "kind", .type = FIELD_KIND, .dflt = (word), .on_change = CHANGE_FORBIDDEN, .doc = "What this document is."}

/*
 * Fills obj (a zeroed structure of schema->size) from v: defaults, bounds, checks. 0, or -EINVAL with err->path set;
 * obj then needs schema_done() all the same.
 */
int schema_parse(const struct schema *s, const struct value *v, enum schema_source source, void *obj,
		 struct error *err) _nonnull_(1, 4) _must_check_;

/*
 * For objects that a program filled by hand: marks every member that is not zero (and, deep, in structures and lists)
 * as present; what was marked stays so. To say "zero, but given" set the bit as well (schema_bit).
 */
void schema_mark(const struct schema *s, void *obj) _nonnull_(1, 2);
/* The presence bit of the row of this name; aborts when there is none. */
uint64_t schema_bit(const struct schema *s, const char *name) _nonnull_(1, 2);

/* Sets the defaults in a zeroed structure that a program is about to fill. */
void schema_init(const struct schema *s, void *obj) _nonnull_(1, 2);
/* Was the field of this name given (or does it differ from its default)? */
bool schema_has(const struct schema *s, const void *obj, const char *name) _nonnull_(1, 2, 3);

enum schema_print {
	PRINT_GIVEN = 0,	 /* only what is given */
	PRINT_DEFAULTS = 1 << 0, /* defaults too, and empty lists and maps */
	PRINT_SECRETS = 1 << 1,	 /* secrets in clear: only for writing to the store */
};
/* A new object value, members in table order. */
struct value *schema_print(const struct schema *s, const void *obj, unsigned flags) _nonnull_(1, 2);

/* Frees what the members own and zeroes the structure. */
void schema_done(const struct schema *s, void *obj) _nonnull_(1, 2);
/* Deep copy into the zeroed dst. */
void schema_copy(const struct schema *s, void *dst, const void *src) _nonnull_(1, 2, 3);
/*
 * The strongest change class among the fields that differ; CHANGE_NONE also when only such fields differ. A default that
 * is given differs in nothing from one that is not.
 */
enum change schema_diff(const struct schema *s, const void *a, const void *b) _nonnull_(1, 2, 3);
/* Equal in the value of every field (and in being given, for .optional ones). */
bool schema_equal(const struct schema *s, const void *a, const void *b) _nonnull_(1, 2, 3);
/*
 * Continues the hash h over the fields whose change class is at least `least` (FNV-1a, 64 bit, stable for ever). Fields
 * at their default are left out, so that a row added later changes no hash of what does not use it.
 */
uint64_t schema_hash(const struct schema *s, const void *obj, enum change least, uint64_t h) _nonnull_(1, 2);
#define SCHEMA_HASH_INIT UINT64_C(0xcbf29ce484222325)

/* The field at a dotted path ("containers.app.image", or "containers.image" in explain); NULL when there is none. */
const struct field *schema_find(const struct schema *s, const char *path) _nonnull_(1, 2);
/* Calls on_field for each given field that is not carried out yet (its .pending), with its path. */
void schema_pending(const struct schema *s, const void *obj,
		    void (*on_field)(void *ctx, const char *path, const struct field *f), void *ctx) _nonnull_(1, 2, 3);
/* JSON Schema (draft 2020-12) of the structure, for /openapi.json. */
struct value *schema_json_schema(const struct schema *s) _nonnull_(1);
/* The type as people read it: "string", "duration", "map of container". Returns buf. */
const char *schema_type_name(const struct field *f, char *buf, size_t size) _nonnull_(1, 2);
