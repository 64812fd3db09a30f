/*
 * May an absence be believed? An empty, foreign or rolled-back store also lacks a pod, and must never be read
 * as "it was deleted". Pure.
 *
 * A history is a cluster id and a revision of it. What was seen in one history is vouched for by a list of
 * the same cluster at the same revision or a later one; nothing else vouches for it.
 */
#pragma once

#include "controllers/runner/plan.h"

struct history {
	uint64_t cluster; /* 0: none; no list vouches for what is known from there */
	int64_t rev;
};

struct identity_in {
	bool synced;  /* a complete list is in */
	bool present; /* ... and it has the pod's key */
	struct history list;
	struct history
	        known; /* where the pod was last seen to be wanted, or under which its containers were made */
	bool text;     /* it is known how to run it */
	bool was_held; /* as the snapshot says */
	bool autonomous; /* the store did not answer for so long that the last known pods are run without it
	                  */
};

bool history_vouches(struct history list, struct history known);
enum plan_claim identity_claim(const struct identity_in *in) _nonnull_(1);
