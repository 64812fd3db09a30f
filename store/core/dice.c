#include "core/dice.h"

#include <stdlib.h>

uint64_t dice_roll(void)
{
	return (uint64_t)arc4random() << 32 | arc4random();
}
