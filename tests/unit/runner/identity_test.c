/* May an absence be believed? Every row is one decision that stops containers, or does not. */
#include "controllers/runner/identity.h"

#include "lib/test.h"

enum { A = 1, B = 2 };

TEST(a_history_vouches_for_itself_from_then_on)
{
	static const struct {
		struct history list, known;
		bool vouches;
	} rows[] = {
	        {{A, 10}, {A, 10}, true},  {{A, 11}, {A, 10}, true},
	        {{A, 9}, {A, 10}, false},                            /* it went back to before */
	        {{B, 11}, {A, 10}, false},                           /* another one */
	        {{B, 10}, {A, 10}, false}, {{A, 10}, {0, 0}, false}, /* nobody knows where it is from */
	        {{0, 10}, {0, 5}, false},  {{0, 0}, {A, 1}, false},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		CHECK_INT(history_vouches(rows[i].list, rows[i].known), rows[i].vouches);
}

TEST(claims)
{
	static const struct {
		struct identity_in in;
		enum plan_claim want;
	} rows[] = {
	        /* heard, and there: wanted, whatever was before */
	        {{.synced = true, .present = true, .list = {A, 5}}, CLAIM_WANTED},
	        {{.synced = true, .present = true, .list = {B, 1}, .known = {A, 9}, .was_held = true},
	         CLAIM_WANTED},
	        /* heard, and not there */
	        {{.synced = true, .list = {A, 9}, .known = {A, 5}}, CLAIM_REMOVED},
	        {{.synced = true, .list = {A, 9}, .known = {A, 5}, .text = true}, CLAIM_REMOVED},
	        {{.synced = true, .list = {A, 4}, .known = {A, 5}}, CLAIM_HELD},
	        {{.synced = true, .list = {B, 9}, .known = {A, 5}}, CLAIM_HELD},
	        {{.synced = true, .list = {B, 9}, .known = {A, 5}, .text = true, .autonomous = true},
	         CLAIM_HELD},
	        {{.synced = true, .list = {A, 9}}, CLAIM_HELD},
	        /* held in one history, deleted in the one that knew it */
	        {{.synced = true, .list = {A, 9}, .known = {A, 5}, .was_held = true}, CLAIM_REMOVED},
	        /* not heard: nothing is touched, until patience is over */
	        {{.known = {A, 5}, .text = true}, CLAIM_UNDECIDED},
	        {{.present = true, .known = {A, 5}, .text = true}, CLAIM_UNDECIDED},
	        {{.known = {A, 5}, .text = true, .autonomous = true}, CLAIM_WANTED},
	        {{.known = {A, 5}, .text = true, .was_held = true, .autonomous = true}, CLAIM_HELD},
	        {{.known = {A, 5}, .autonomous = true}, CLAIM_UNDECIDED}, /* nobody knows how to run it */
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		CHECK_INT(identity_claim(&rows[i].in), rows[i].want);
}

/* REMOVED is the only claim that stops containers. It needs a complete list that vouches, whatever else holds. */
TEST(nothing_is_removed_without_a_list_that_vouches)
{
	for (unsigned bits = 0; bits < 32; bits++) {
		for (int64_t list = 0; list < 6; list++) {
			struct identity_in in = {.synced = bits & 1,
			                         .present = bits & 2,
			                         .text = bits & 4,
			                         .was_held = bits & 8,
			                         .autonomous = bits & 16,
			                         .list = {.cluster = (uint64_t)list % 3, .rev = list},
			                         .known = {.cluster = A, .rev = 3}};
			bool vouched = in.synced && !in.present && in.list.cluster == A && in.list.rev >= 3;
			CHECK_INT(identity_claim(&in) == CLAIM_REMOVED, vouched);
		}
	}
}
