#include "store.h"

const char *store_outcome_name(enum store_outcome o)
{
	switch (o) {
	case STORE_OK:
		return "ok";
	case STORE_E_CONFLICT:
		return "conflict";
	case STORE_E_UNAVAILABLE:
		return "unavailable";
	case STORE_E_UNKNOWN:
		return "unknown";
	case STORE_E_COMPACTED:
		return "compacted";
	case STORE_E_DENIED:
		return "denied";
	case STORE_E_TOO_LARGE:
		return "too-large";
	case STORE_E_NO_LEASE:
		return "no-lease";
	case STORE_E_NO_SPACE:
		return "no-space";
	case STORE_E_INTERNAL:
		return "internal";
	}
	return "?";
}
