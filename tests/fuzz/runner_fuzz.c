/* The runner's plan in a world whose troubles are the bytes: the invariants of plan.h, and rest in peace. */
#include "unit/runner/plan_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct world w;
	world_init_bytes(&w, data, size);
	w.crashes = dice(&w, 4) == 0;
	for (int i = 0; i < 200 && w.size; i++)
		world_trouble(&w, 1);
	world_rests(&w, 0);
	world_done(&w);
	return 0;
}
