/* SPDX-License-Identifier: Apache-2.0 */
/* Leaves a directory alone that cannot be asked: for a second, then for twice as long each
 * time, until one question that is let through is answered. Pure; time is an argument. */
#ifndef IMS_DIRECTORY_BREAKER_H
#define IMS_DIRECTORY_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum { BREAKER_FIRST_MS = 1000, BREAKER_MAX_MS = 60 * 1000 };

/* All zero: nothing is wrong. */
struct breaker {
	int64_t until_ms, back_off_ms;
	bool open;
	bool probing; /* one question is under way to see */
};

/* Whether a question may be asked now; the caller then asks it, and says what came. */
bool breaker_may(struct breaker *b, int64_t now_ms);
/* It was answered; true if that is news. */
bool breaker_good(struct breaker *b);
/* It was not; true if that is news: what was under way already counts once. */
bool breaker_bad(struct breaker *b, int64_t now_ms);

#endif
