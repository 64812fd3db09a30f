/*
 * The pods that this node last knew, in a file: what the runner starts after a reboot while the store is
 * away, and what tells it later whether an absence in the store may be believed (identity.h). Written whole
 * and atomically, by a thread so that a slow disk delays no container; only when the set of pods changes. A
 * file that is missing, torn or not understood is the same as an empty one: the start is never blocked.
 *
 *   {"version":1,"cluster":N,"rev":N,"pods":[{"name":S,"createRev":N,"held":{"cluster":N,"rev":N},"text":S},...]}
 *
 * cluster is the id's bits as a signed number; "held" only for pods that the store of the time did not know,
 * with the history that did.
 */
#pragma once

#include "controllers/runner/identity.h"
#include "core/arena.h"
#include "core/loop.h"

#define SNAPSHOT_SIZE_MAX (64 * 1024 * 1024)

struct snapshot_pod {
	const char *name;
	const char *text; /* the stored value */
	int64_t create_rev;
	bool held;
	struct history known; /* held: the history that knew it; else that of the snapshot */
};

struct snapshot {
	struct history history; /* cluster 0: the file says nothing */
	struct snapshot_pod *pods;
	size_t n_pods;
};

/* Pure; strings live in the arena. 0, or -EINVAL with err and *ret empty. */
int snapshot_parse(const char *text, size_t len, struct arena *a, struct snapshot *ret, struct error *err)
        _nonnull_(1, 3, 4) _must_check_;
void snapshot_print(const struct snapshot *s, struct str *out) _nonnull_(1, 2);
/* From the file. 0; -ENOENT: there is none; else -errno or -EINVAL with err. *ret is valid (empty) in any
 * case. */
int snapshot_load(const char *path, struct arena *a, struct snapshot *ret, struct error *err)
        _nonnull_(1, 2, 3) _must_check_;

/* --- writing --- */

struct snapshot_writer;

/* on_done: a write ended, with 0 or -errno. */
struct snapshot_writer *snapshot_writer_new(struct loop *loop, const char *path,
                                            void (*on_done)(void *ctx, int result), void *ctx)
        _nonnull_(1, 2, 3);
/* Waits for the write that is under way. NULL is fine; returns NULL. */
struct snapshot_writer *snapshot_writer_free(struct snapshot_writer *w);
bool snapshot_writer_busy(const struct snapshot_writer *w) _nonnull_(1);
/* Begins to write; not while it is busy. Takes the text. 0, or -errno when it can not begin. */
int snapshot_write(struct snapshot_writer *w, struct str *text) _nonnull_(1, 2) _must_check_;
