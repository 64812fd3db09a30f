/* What the plan decides about pods, in rows: nodes, pods, what is wanted, and the actions that follow. */
#include "world.h"

/* The actions without those that write endpoints and status. */
static const char *pods_only(struct world *w)
{
	struct str out = STR_INIT;
	_cleanup_free_ char *copy = mem_strdup(world_plan(w));
	char *rest = copy;
	for (char *word; (word = strsep(&rest, " ")) != NULL;)
		if (!streq(word, "E") && !streq(word, "S") && *word)
			str_printf(&out, "%s%s", out.len ? " " : "", word);
	const char *text = arena_strdup(&w->arena, str_get(&out));
	str_done(&out);
	return text;
}

enum { STOP = 1, PORT = 2, TWO = 4, SMALL = 8, BAD = 16, UNSEEN = 32, DELETED = 64, NEW = 128, FULL = 256 };

struct row {
	const char *what, *nodes, *pods, *revision;
	int desired;
	unsigned flags;
	const char *want;
};

static void check_row(const struct row *row)
{
	struct world w;
	world_init(&w, row->nodes, row->pods, row->revision, row->desired);
	if (row->flags & (PORT | FULL))
		world_claim(&w, row->flags & FULL ? 600000000 : 0, row->flags & PORT ? 8080 : 0);
	w.spec.update.order = row->flags & STOP ? ORDER_STOP_FIRST : ORDER_START_FIRST;
	w.spec.update.parallelism = row->flags & TWO ? 2 : 1;
	w.max_pods = row->flags & SMALL ? 3 : 90;
	w.not_valid = row->flags & (BAD | UNSEEN);
	w.no_spec = row->flags & UNSEEN;
	w.deleted = row->flags & DELETED;
	if (!(row->flags & NEW))
		world_add_revision(&w, row->revision);
	const char *have = pods_only(&w);
	if (!streq(have, row->want))
		test_fail(__FILE__, __LINE__, "%s: the plan is\n  %s\nwant\n  %s", row->what, have,
		          row->want);
	world_done(&w);
}

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check_row(&rows[i]);
}

/* clang-format off */
TEST(scale)
{
	static const struct row rows[] = {
		{"none wanted", "n1", "", "a", 0, 0, ""},
		{"one", "n1", "", "a", 1, 0, "+web-0-a@n1"},
		{"a new revision comes first", "n1", "", "a", 1, NEW, "R+a +web-0-a@n1"},
		{"a new revision is kept without pods too", "n1", "", "a", 0, NEW, "R+a"},
		{"spread by name where all is equal", "n2 n1 n3", "", "a", 4, 0,
		 "+web-0-a@n1 +web-1-a@n2 +web-2-a@n3 +web-3-a@n1"},
		{"the lowest free ordinals", "n1", "web-1-a@n1:run web-4-a@n1:run", "a", 5, 0,
		 "+web-0-a@n1 +web-2-a@n1 +web-3-a@n1"},
		{"down: the newest first", "n1", "web-0-a@n1:run web-1-a@n1:run web-2-a@n1:run", "a", 1, 0,
		 "-web-2-a@n1 -web-1-a@n1"},
		{"down by number, not by letter", "n1", "web-2-a@n1:run web-10-a@n1:run web-9-a@n1:run", "a", 3, 0,
		 "-web-10-a@n1 -web-9-a@n1 +web-0-a@n1 +web-1-a@n1"},
		{"to nothing", "n1", "web-0-a@n1:run web-1-a@n1:fail", "a", 0, 0, "-web-1-a@n1 -web-0-a@n1"},
		{"batches up", "n1", "", "a", 9, SMALL, "+web-0-a@n1 +web-1-a@n1 +web-2-a@n1"},
		{"batches down", "n1", "web-0-a@n1:run web-1-a@n1:run web-2-a@n1:run web-3-a@n1:run", "a", 0, SMALL,
		 "-web-3-a@n1 -web-2-a@n1 -web-1-a@n1"},
		{"as wanted", "n1 n2", "web-0-a@n1:run web-1-a@n2:pend", "a", 2, 0, ""},
		{"a failed pod keeps its place", "n1 n2", "web-0-a@n1:fail", "a", 1, 0, ""},
		{"completed pods stay", "n1", "web-0-a@n1:done", "a", 1, 0, ""},
		{"engine away: nothing is started twice", "n1 n2", "web-0-a@n1:lost", "a", 1, 0, ""},
	};
	check_rows(rows, ELEMENTS(rows));
}

TEST(start_first)
{
	static const struct row rows[] = {
		{"first step", "n1 n2", "web-0-a@n1:run web-1-a@n2:run", "b", 2, 0, "+web-0-b@n1"},
		{"two at a time", "n1 n2", "web-0-a@n1:run web-1-a@n2:run web-2-a@n1:run", "b", 3, TWO,
		 "+web-0-b@n2 +web-1-b@n1"},
		{"new one pending", "n1", "web-0-a@n1:run web-0-b@n1:pend web-1-a@n1:run", "b", 2, 0, ""},
		{"new one unknown", "n1", "web-0-a@n1:run web-0-b@n1:none web-1-a@n1:run", "b", 2, 0, ""},
		{"new one runs, does not serve", "n1", "web-0-a@n1:run web-0-b@n1:deaf web-1-a@n1:run", "b", 2, 0, ""},
		{"new one up", "n1", "web-0-a@n1:run web-0-b@n1:run web-1-a@n1:run", "b", 2, 0,
		 "-web-0-a@n1 +web-1-b@n1"},
		{"new one completed", "n1", "web-0-a@n1:run web-0-b@n1:done", "b", 1, 0, "-web-0-a@n1"},
		{"last one", "n1", "web-0-b@n1:run web-1-a@n1:run web-1-b@n1:run", "b", 2, 0, "-web-1-a@n1"},
		{"new one failed", "n1", "web-0-a@n1:run web-0-b@n1:fail web-1-a@n1:run", "b", 2, 0, ""},
		{"failed, two at a time", "n1", "web-0-a@n1:run web-0-b@n1:fail web-1-a@n1:run", "b", 2, TWO, ""},
		{"old ones that never ran go at once", "n1", "web-0-a@n1:pend web-1-a@n1:none", "b", 2, 0,
		 "-web-0-a@n1 +web-0-b@n1 -web-1-a@n1 +web-1-b@n1"},
		{"old ones that failed go at once", "n1", "web-0-a@n1:fail web-1-a@n1:fail", "b", 2, 0,
		 "-web-0-a@n1 +web-0-b@n1 -web-1-a@n1 +web-1-b@n1"},
		{"pending again after it ran: it stays", "n1", "web-0-a@n1:ran", "b", 1, 0, "+web-0-b@n1"},
		{"engine away: old ones stay", "n1", "web-0-a@n1:lost", "b", 1, 0, "+web-0-b@n1"},
		{"edit in mid rollout", "n1", "web-0-a@n1:run web-0-b@n1:pend web-1-a@n1:run", "c", 2, 0,
		 "-web-0-b@n1 +web-0-c@n1"},
		{"edit of a failed rollout", "n1", "web-0-a@n1:run web-0-b@n1:fail web-1-a@n1:run", "c", 2, 0,
		 "-web-0-b@n1 +web-0-c@n1"},
		{"edit when a new one ran", "n1", "web-0-b@n1:run web-1-a@n1:run", "c", 2, 0, "+web-0-c@n1"},
		{"two old ones in one place", "n1", "web-0-a@n1:run web-0-b@n1:run web-0-c@n1:run", "c", 1, 0,
		 "-web-0-a@n1 -web-0-b@n1"},
		{"two old ones, none serves: one stays", "n1", "web-0-a@n1:ran web-0-b@n1:ran", "c", 1, 0,
		 "-web-0-b@n1 +web-0-c@n1"},
		{"two old ones, the younger serves", "n1", "web-0-a@n1:ran web-0-b@n1:run", "c", 1, 0,
		 "-web-0-a@n1 +web-0-c@n1"},
		{"back to the old revision", "n1", "web-0-a@n1:run web-0-b@n1:fail web-1-a@n1:run", "a", 2, 0,
		 "-web-0-b@n1"},
		{"scale and revision at once", "n1", "web-0-a@n1:run", "b", 3, 0, "+web-1-b@n1 +web-2-b@n1"},
		{"... then the rest", "n1", "web-0-a@n1:run web-1-b@n1:run web-2-b@n1:run", "b", 3, 0, "+web-0-b@n1"},
		{"down and revision at once", "n1", "web-0-a@n1:run web-1-a@n1:run", "b", 1, 0,
		 "-web-1-a@n1 +web-0-b@n1"},
		{"a batch of replacements", "n1", "web-0-a@n1:pend web-1-a@n1:pend web-2-a@n1:pend", "b", 3, SMALL,
		 "-web-0-a@n1 +web-0-b@n1 -web-1-a@n1"},
	};
	check_rows(rows, ELEMENTS(rows));
}

TEST(stop_first)
{
	static const struct row rows[] = {
		{"in place", "n1 n2", "web-0-a@n2:run web-1-a@n1:run", "b", 2, STOP,
		 "-web-0-a@n2& +web-0-b@n2=web-0-a"},
		{"two at a time", "n1", "web-0-a@n1:run web-1-a@n1:run web-2-a@n1:run", "b", 3, STOP | TWO,
		 "-web-0-a@n1& +web-0-b@n1=web-0-a -web-1-a@n1& +web-1-b@n1=web-1-a"},
		{"waits for the new one", "n1", "web-0-b@n1:pend web-1-a@n1:run", "b", 2, STOP, ""},
		{"goes on when it is up", "n1", "web-0-b@n1:run web-1-a@n1:run", "b", 2, STOP,
		 "-web-1-a@n1& +web-1-b@n1=web-1-a"},
		{"stops when it failed", "n1", "web-0-b@n1:fail web-1-a@n1:run", "b", 2, STOP | TWO, ""},
		{"elsewhere when the node takes none", "n1:cordoned n2", "web-0-a@n1:run", "b", 1, STOP,
		 "-web-0-a@n1& +web-0-b@n2"},
		{"not when nothing fits", "n1:cordoned", "web-0-a@n1:run", "b", 1, STOP, ""},
		{"in place on a full node", "n1", "web-0-a@n1:run", "b", 1, STOP | FULL,
		 "-web-0-a@n1& +web-0-b@n1=web-0-a"},
		{"a pair is not torn", "n1", "web-0-a@n1:run web-1-a@n1:run", "b", 2, STOP | TWO | SMALL,
		 "-web-0-a@n1& +web-0-b@n1=web-0-a"},
	};
	check_rows(rows, ELEMENTS(rows));
}

TEST(host_ports)
{
	static const struct row rows[] = {
		{"one a node", "n1 n2", "", "a", 3, PORT, "+web-0-a@n1 +web-1-a@n2"},
		{"another node is free: start-first", "n1 n2", "web-0-a@n1:run", "b", 1, PORT, "+web-0-b@n2"},
		{"the only node: in place", "n1", "web-0-a@n1:run", "b", 1, PORT, "-web-0-a@n1& +web-0-b@n1=web-0-a"},
		{"the only other is cordoned: in place", "n1 n2:cordoned", "web-0-a@n1:run", "b", 1, PORT,
		 "-web-0-a@n1& +web-0-b@n1=web-0-a"},
		{"each in its place, one at a time", "n1 n2", "web-0-a@n1:run web-1-a@n2:run", "b", 2, PORT,
		 "-web-0-a@n1& +web-0-b@n1=web-0-a"},
		{"a failed one is replaced in place", "n1", "web-0-a@n1:fail", "b", 1, PORT,
		 "-web-0-a@n1& +web-0-b@n1=web-0-a"},
		{"full for another reason: stays", "n1", "web-0-a@n1:run", "b", 1, FULL, ""},
	};
	check_rows(rows, ELEMENTS(rows));
}

TEST(nodes_that_go)
{
	static const struct row rows[] = {
		{"lost: replaced, and kept", "n1:lost n2", "web-0-a@n1:run", "a", 1, 0, "+web-0-a@n2"},
		{"lost, the only one", "n1:lost", "web-0-a@n1:run", "a", 1, 0, ""},
		{"gone: as lost", "n1:gone n2", "web-0-a@n1:run", "a", 1, 0, "+web-0-a@n2"},
		{"gone, the only one", "n1:gone", "web-0-a@n1:run", "a", 1, 0, ""},
		{"lost and replaced", "n1:lost n2", "web-0-a@n1:run web-0-a@n2:run", "a", 1, 0, ""},
		{"gone and replaced: forgotten", "n1:gone n2", "web-0-a@n1:run web-0-a@n2:run", "a", 1, 0,
		 "-web-0-a@n1"},
		{"gone, replacement not up", "n1:gone n2", "web-0-a@n1:run web-0-a@n2:pend", "a", 1, 0, ""},
		{"lost in mid rollout: another new one", "n1:lost n2", "web-0-a@n2:run web-0-b@n1:pend", "b", 1, 0,
		 "+web-0-b@n2"},
		{"lost old one: no budget is needed", "n1:lost n2", "web-0-a@n1:run web-1-a@n1:run", "b", 2, 0,
		 "+web-0-b@n2 +web-1-b@n2"},
		{"lost old one, replaced", "n1:lost n2", "web-0-a@n1:run web-0-b@n2:run", "b", 1, 0, "-web-0-a@n1"},
		{"lost ones beyond the scale go", "n1:lost n2", "web-0-a@n2:run web-1-a@n1:run", "a", 1, 0,
		 "-web-1-a@n1"},
		{"back again: the newer goes", "n1 n2", "web-0-a@n1:run web-0-a@n2:run", "a", 1, 0, "-web-0-a@n2"},
		{"back again, the older is not up yet", "n1 n2", "web-0-a@n1:pend web-0-a@n2:run", "a", 1, 0, ""},
		{"back again, the older fails", "n1 n2", "web-0-a@n1:fail web-0-a@n2:run", "a", 1, 0, "-web-0-a@n1"},
		{"back again, the newer failed", "n1 n2", "web-0-a@n1:pend web-0-a@n2:fail", "a", 1, 0,
		 "-web-0-a@n2"},
		{"cordoned keeps", "n1:cordoned n2", "web-0-a@n1:run", "a", 2, 0, "+web-1-a@n2"},
		{"drained: started elsewhere first", "n1:draining n2", "web-0-a@n1:run web-1-a@n1:run", "a", 2, 0,
		 "+web-0-a@n2"},
		{"drained: waits", "n1:draining n2", "web-0-a@n1:run web-0-a@n2:pend web-1-a@n1:run", "a", 2, 0, ""},
		{"drained: goes on", "n1:draining n2", "web-0-a@n1:run web-0-a@n2:run web-1-a@n1:run", "a", 2, 0,
		 "-web-0-a@n1 +web-1-a@n2"},
		{"drained, two at a time", "n1:draining n2", "web-0-a@n1:run web-1-a@n1:run web-2-a@n1:run", "a", 3,
		 TWO, "+web-0-a@n2 +web-1-a@n2"},
		{"drained though another pod has failed", "n1:draining n2", "web-0-a@n2:fail web-1-a@n1:run", "a", 2,
		 0, "+web-1-a@n2"},
		{"drained, nowhere to go", "n1:draining n2:cordoned", "web-0-a@n1:run", "a", 1, 0, ""},
		{"drained and a new revision", "n1:draining n2", "web-0-a@n1:run", "b", 1, 0, "+web-0-b@n2"},
		{"drained and stop-first", "n1:draining n2", "web-0-a@n1:run", "a", 1, STOP, "+web-0-a@n2"},
		{"disabled: at once", "n1:disabled n2", "web-0-a@n1:run web-1-a@n1:run", "a", 2, 0,
		 "-web-0-a@n1 +web-0-a@n2 -web-1-a@n1 +web-1-a@n2"},
		{"disabled, nowhere to go", "n1:disabled", "web-0-a@n1:run", "a", 1, 0, "-web-0-a@n1"},
	};
	check_rows(rows, ELEMENTS(rows));
}

TEST(values_that_are_not_valid)
{
	static const struct row rows[] = {
		{"as wanted", "n1", "web-0-a@n1:run", "a", 1, BAD, ""},
		{"the last good one is maintained", "n1", "web-0-a@n1:run", "a", 2, BAD, "+web-1-a@n1"},
		{"a rollout of it goes on", "n1", "web-0-a@n1:run web-0-b@n1:run web-1-a@n1:run", "b", 2, BAD,
		 "-web-0-a@n1 +web-1-b@n1"},
		{"no revision is written for it", "n1", "", "a", 0, BAD | NEW, ""},
		{"never valid: nothing is touched", "n1", "web-0-a@n1:run web-7-b@n1:pend", "", 0, UNSEEN, ""},
	};
	check_rows(rows, ELEMENTS(rows));
}

TEST(deletion)
{
	static const struct row rows[] = {
		{"all of it", "n1:lost n2", "web-0-a@n1:run web-0-a@n2:run web-3-b@n2:pend", "a", 0, DELETED,
		 "-web-3-b@n2 -web-0-a@n2 -web-0-a@n1 R-a"},
		{"in batches, pods first", "n1", "web-0-a@n1:run web-1-a@n1:run web-2-a@n1:run", "a", 0,
		 DELETED | SMALL, "-web-2-a@n1 -web-1-a@n1 -web-0-a@n1"},
		{"nothing is left", "n1", "", "a", 0, DELETED | NEW, ""},
	};
	check_rows(rows, ELEMENTS(rows));
}
/* clang-format on */

TEST(deletion_stops_traffic_first_and_forgets_last)
{
	struct world w;
	world_init(&w, "n1", "web-0-a@n1:run", "a", 1);
	(void)world_turn(&w);
	CHECK_STR(world_plan(&w), "");
	w.deleted = true;
	CHECK_STR(world_turn(&w), "E- -web-0-a@n1 R-a S-");
	CHECK_STR(world_plan(&w), "");
	CHECK_INT(w.n_pods, 0);
	world_done(&w);
}

/* A whole rollout, turn by turn. */
static void roll(struct world *w, const char *const *turns, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *have = pods_only(w);
		if (!streq(have, turns[i]))
			test_fail(__FILE__, __LINE__, "turn %zu: %s, want %s", i, have, turns[i]);
		world_apply(w);
		world_run(w, "run");
		w->now_ms += 200;
	}
	CHECK_STR(pods_only(w), "");
	CHECK_STR(world_condition(w, "Progressing"), "true RolledOut: ");
}

TEST(rollouts_from_beginning_to_end)
{
	static const char *const start_first[] = {"R+b +web-0-b@n1", "-web-0-a@n1 +web-1-b@n1",
	                                          "-web-1-a@n1 +web-2-b@n1", "-web-2-a@n1"};
	static const char *const stop_first[] = {"R+b -web-0-a@n1& +web-0-b@n1=web-0-a",
	                                         "-web-1-a@n1& +web-1-b@n1=web-1-a",
	                                         "-web-2-a@n1& +web-2-b@n1=web-2-a"};
	struct world w;
	world_init(&w, "n1", "web-0-a@n1:run web-1-a@n1:run web-2-a@n1:run", "b", 3);
	roll(&w, start_first, ELEMENTS(start_first));
	world_done(&w);
	world_init(&w, "n1", "web-0-a@n1:run web-1-a@n1:run web-2-a@n1:run", "b", 3);
	w.spec.update.order = ORDER_STOP_FIRST;
	roll(&w, stop_first, ELEMENTS(stop_first));
	world_done(&w);
}

static void revise(struct world *w, const char *revision)
{
	(void)snprintf(w->revision, sizeof(w->revision), "%s", revision);
	world_add_revision(w, revision);
}

/* What runs until its successor has its images goes on until the successor of that one has them. */
TEST(a_place_that_was_not_taken_is_handed_on)
{
	for (int in_place = 0; in_place < 2; in_place++) {
		struct world w;
		world_init(&w, "n1", "", "a", 1);
		if (in_place)
			world_claim(&w, 0, 8080); /* start-first, and the port leaves no other way */
		else
			w.spec.update.order = ORDER_STOP_FIRST;
		world_add_revision(&w, "a");
		(void)world_turn(&w);
		world_run(&w, "run");
		(void)world_turn(&w);
		revise(&w, "b");
		CHECK_STR(pods_only(&w), "-web-0-a@n1& +web-0-b@n1=web-0-a");
		world_apply(&w);
		world_run(&w, "nopull");
		(void)world_turn(&w);
		revise(&w, "c");
		CHECK_STR(pods_only(&w), "-web-0-b@n1& +web-0-c@n1=web-0-a");
		world_apply(&w);
		world_run(&w, "pend");
		revise(&w, "d");
		CHECK_STR(pods_only(&w), "-web-0-c@n1& +web-0-d@n1=web-0-a");
		world_apply(&w);
		world_run(&w, "run"); /* now the place is taken */
		(void)world_turn(&w);
		revise(&w, "e");
		CHECK_STR(pods_only(&w), "-web-0-d@n1& +web-0-e@n1=web-0-d");
		world_apply(&w);
		world_run(&w, "fail"); /* it ran, so nothing runs in its stead */
		(void)world_turn(&w);
		revise(&w, "f");
		CHECK_STR(pods_only(&w),
		          in_place ? "-web-0-e@n1& +web-0-f@n1=web-0-e" : "-web-0-e@n1 +web-0-f@n1");
		world_done(&w);
	}
}

TEST(scale_from_0_to_20_and_back)
{
	struct world w;
	world_init(&w, "n1 n2 n3", "", "a", 0);
	(void)world_turn(&w);
	for (int n = 1; n <= 20; n++) {
		w.desired = n;
		(void)world_turn(&w);
		CHECK_INT(w.n_pods, n);
		CHECK_INT(w.pods[n - 1].ordinal, n - 1);
		world_run(&w, "run");
	}
	for (int n = 19; n >= 0; n--) {
		w.desired = n;
		(void)world_turn(&w);
		CHECK_INT(w.n_pods, n);
		CHECK(n == 0 || w.pods[n - 1].ordinal == n - 1);
	}
	w.desired = 20;
	(void)world_turn(&w);
	CHECK_INT(w.n_pods, 20); /* all in one plan */
	CHECK(!w.plan.more);
	world_done(&w);
}

TEST(a_node_that_came_back_is_believed_after_a_while)
{
	struct world w;
	world_init(&w, "n1 n2", "web-0-a@n1:run", "a", 1);
	(void)world_turn(&w);
	w.now_ms += 1000;
	world_node(&w, "n1:lost");
	CHECK_STR(pods_only(&w), "+web-0-a@n2");
	world_apply(&w);
	CHECK_INT(w.endpoints->ready.count, 0);
	world_run(&w, "run");
	w.now_ms += 1000;
	(void)world_turn(&w);
	world_node(&w, "n1");
	CHECK_STR(pods_only(&w), ""); /* n1's status is from before it was lost */
	CHECK_INT(w.plan.wake_at_ms, w.now_ms + PLAN_SETTLE_MS);
	w.now_ms += PLAN_SETTLE_MS - 1;
	CHECK_STR(pods_only(&w), "");
	w.now_ms++;
	CHECK_STR(pods_only(&w), "-web-0-a@n2");
	world_apply(&w);
	CHECK_STR(pods_only(&w), "");
	CHECK_STR(w.pods[0].node, "n1");
	world_done(&w);
}

TEST(revisions_kept_for_rollback)
{
	struct world w;
	world_init(&w, "n1", "", "r0", 1);
	for (int i = 0; i < 14; i++) {
		(void)snprintf(w.revision, sizeof(w.revision), "r%d", i);
		for (int k = 0; k < 4; k++, w.now_ms += 200) {
			(void)world_turn(&w);
			world_run(&w, "run");
		}
	}
	CHECK_INT(w.n_revisions, PLAN_REVISIONS);
	CHECK_STR(w.revisions[0].hash, "r4");
	CHECK_STR(w.revisions[9].hash, "r13");
	/* an old one that is wanted again is neither written again nor thrown away */
	(void)snprintf(w.revision, sizeof(w.revision), "r4");
	CHECK_STR(pods_only(&w), "+web-0-r4@n1");
	world_done(&w);
}

TEST(ten_thousand_pods_in_bounded_work)
{
	struct world w;
	world_init(&w, "", "", "a", 10000);
	for (int i = 0; i < 50; i++) {
		char name[16];
		(void)snprintf(name, sizeof(name), "n%02d", i);
		world_node(&w, name);
	}
	int turns = 0;
	do {
		(void)world_turn(&w);
		turns++;
	} while (w.plan.more);
	CHECK_INT(turns, (10000 + 89) / 90);
	CHECK_INT(w.n_pods, 10000);
	CHECK_INT(w.picks, 10000); /* one question to the index for each pod, and none twice */
	for (int i = 0; i < 50; i++) {
		char name[16];
		size_t pods = 0;
		(void)snprintf(name, sizeof(name), "n%02d", i);
		for (size_t k = 0; k < w.n_pods; k++)
			pods += streq(w.pods[k].node, name);
		CHECK_INT(pods, 200);
	}
	world_run(&w, "run");
	(void)world_turn(&w);
	CHECK_STR(world_counts(&w), "10000/10000/10000/10000/10000");
	CHECK_HAS(world_condition(&w, "Available"), "true Ready: 10000 of 10000 pods are ready");
	CHECK_STR(world_plan(&w), "");
	world_done(&w);
}
