/*
 * The scheduler's plan under any sequence of events: deterministic, within its bounds, and at rest as wanted
 * once everything is well. The checks are those of the property test.
 */
#include "unit/scheduler/chaos.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	chaos_run(data, size);
	return 0;
}
