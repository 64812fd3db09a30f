/*
 * Each scenario as it is, and then once for each position of a fault: whoever writes is killed before it hears of it, or
 * paused with its next write under way until its leases are gone,
 * whose engine acted is killed before it hears of it, each batch of events is missed, each comes half a minute late with
 * all that follows. Whatever happened, the end has to be that of the undisturbed telling.
 *
 * SIM_SWEEP="NAME/KIND/POSITION" in the environment tells that one alone, with words.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "lib/test.h"
#include "sim/scenario.h"

static const char *const kinds_of_fault[] = {"write", "pause", "operation", "lose", "defer"};
enum { WRITE, PAUSE, OPERATION, LOSE, DEFER, FAULTS };

static struct disturbance at(unsigned kind, uint64_t position)
{
	return (struct disturbance){
	        .kill_at_write = kind == WRITE ? position : 0,
	        .pause_at_write = kind == PAUSE ? position : 0,
	        .kill_at_operation = kind == OPERATION ? position : 0,
	        .lose_at = kind == LOSE ? position : 0,
	        .defer_at = kind == DEFER ? position : 0,
	};
}

/* Without the nodes the end is the same, whoever was chosen. */
static void check_one(const struct scenario *s, unsigned kind, uint64_t position, const char *end,
                      bool verbose)
{
	struct disturbance d = at(kind, position);
	struct told told;
	_cleanup_str_ struct str why = STR_INIT;
	bool good = scenario_tell(s, 1, &d, verbose, &told, &why);
	if (!good || !streq(str_get(&told.end), end))
		test_fail(__FILE__, __LINE__, "SIM_SWEEP=\"%s/%s/%" PRIu64 "\": %s; the end is\n%swant\n%s",
		          s->name, kinds_of_fault[kind], position, str_get(&why), str_get(&told.end), end);
	str_done(&told.end);
}

static uint64_t positions(const struct told *t, unsigned kind)
{
	return kind == WRITE || kind == PAUSE ? t->writes : kind == OPERATION ? t->operations : t->deliveries;
}

static void sweep(const struct scenario *s, unsigned kind)
{
	struct told calm;
	_cleanup_str_ struct str why = STR_INIT;
	if (!scenario_tell(s, 1, &(struct disturbance){0}, false, &calm, &why))
		test_fail(__FILE__, __LINE__, "undisturbed, %s: %s", s->name, str_get(&why));
	for (uint64_t i = 1; i <= positions(&calm, kind); i++)
		check_one(s, kind, i, str_get(&calm.end), false);
	printf("  %s: %" PRIu64 " positions of %s\n", s->name, positions(&calm, kind), kinds_of_fault[kind]);
	str_done(&calm.end);
}

static bool one_alone(void)
{
	const char *text = getenv("SIM_SWEEP");
	if (!text)
		return false;
	for (size_t i = 0; i < n_scenarios; i++)
		for (unsigned k = 0; k < FAULTS; k++) {
			char prefix[128];
			(void)snprintf(prefix, sizeof(prefix), "%s/%s/", scenarios[i].name,
			               kinds_of_fault[k]);
			const char *number = str_after(text, prefix);
			int64_t position;
			if (!number || str_parse_i64(number, &position) < 0)
				continue;
			struct told calm;
			_cleanup_str_ struct str why = STR_INIT;
			CHECK(scenario_tell(&scenarios[i], 1, &(struct disturbance){0}, false, &calm, &why));
			check_one(&scenarios[i], k, (uint64_t)position, str_get(&calm.end), true);
			str_done(&calm.end);
		}
	return true;
}

static void sweep_all(unsigned kind)
{
	if (one_alone())
		return;
	for (size_t i = 0; i < n_scenarios; i++)
		sweep(&scenarios[i], kind);
}

TEST(killed_after_each_write)
{
	sweep_all(WRITE);
}

TEST(paused_after_each_write_with_the_next_under_way)
{
	sweep_all(PAUSE);
}

TEST(killed_after_each_act_of_its_engine)
{
	sweep_all(OPERATION);
}

TEST(each_event_missed)
{
	sweep_all(LOSE);
}

TEST(each_event_late)
{
	sweep_all(DEFER);
}
