#include "controllers/runner/identity.h"

bool history_vouches(struct history list, struct history known)
{
	return known.cluster != 0 && list.cluster == known.cluster && list.rev >= known.rev;
}

enum plan_claim identity_claim(const struct identity_in *in)
{
	if (in->synced) {
		if (in->present)
			return CLAIM_WANTED;
		return history_vouches(in->list, in->known) ? CLAIM_REMOVED : CLAIM_HELD;
	}
	if (!in->autonomous || !in->text)
		return CLAIM_UNDECIDED;
	return in->was_held ? CLAIM_HELD : CLAIM_WANTED;
}
