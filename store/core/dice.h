/*
 * Chance, for what has to differ between processes: back-off, names, ids. Not for secrets, which are random bytes of
 * the kernel. A program that has to be repeatable brings its own dice_roll().
 */
#pragma once

#include <stdint.h>

/* 64 random bits. */
uint64_t dice_roll(void);

/* In [0, 1). */
static inline double dice_fraction(void)
{
	return (double)(dice_roll() >> 11) / 9007199254740992.0;
}
