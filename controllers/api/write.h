/*
 * Writing desired objects: what is to be stored is worked out from the copy of the store and written by a
 * transaction that compares the object's revision, so that nothing is lost and nothing is answered that did
 * not happen. What would be refused or left alone because of what the copy says is first looked up in the
 * store itself.
 */
#pragma once

#include "controllers/api/server.h"
#include "kind/microservice.h"

/* A key changed in the copy: writes that waited for it are answered. now NULL: deleted. */
void write_changed(struct api *a, const char *key, const struct mirror_entry *now) _nonnull_(1, 2);
/*
 * Stores a request that ContainerOS's door accepted and answers in its shape. accepted: taken over; m: freed
 * here.
 */
void write_accepted(struct call *c, struct value *accepted, struct microservice *m) _nonnull_(1, 2, 3);
