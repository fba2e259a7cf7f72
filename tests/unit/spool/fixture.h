/* SPDX-License-Identifier: Apache-2.0 */
/* A spool of either backend for one test, and short ways to say operations. */
#ifndef IMS_TEST_SPOOL_FIXTURE_H
#define IMS_TEST_SPOOL_FIXTURE_H

/* clang-format off: cmocka wants these before it */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "spool/kvstore.h"
#include "spool/mem/fake_disk.h"
#include "spool/store.h"

struct fixture {
	const struct store_backend *backend;
	char folder[64]; /* lmdb */
	struct fake_disk *disk;
	struct store_options options;
	struct store *store;
	struct arena arena;
};

/* cmocka group state is the backend; test state is the fixture, with an open spool. */
int fixture_setup_lmdb(void **state);
int fixture_setup_mem(void **state);
int fixture_teardown(void **state);
#define ON_BOTH(test) \
	{ #test " (lmdb)", test, fixture_setup_lmdb, fixture_teardown, NULL }, \
	{ #test " (mem)", test, fixture_setup_mem, fixture_teardown, NULL }
#define ON_LMDB(test) { #test, test, fixture_setup_lmdb, fixture_teardown, NULL }
#define ON_MEM(test) { #test, test, fixture_setup_mem, fixture_teardown, NULL }

void fixture_reopen(struct fixture *f);
struct kvstore *fixture_kv(struct fixture *f);
void folder_remove(const char *folder);

/* A message with `rcpts` recipients r0@x.example ..., due at 1000, 1001, ... */
struct spool_op arrive(uint64_t id, uint32_t rcpts, struct str body);
struct spool_op outcome(uint64_t id, uint32_t index, enum spool_rcpt_state state,
			int64_t due);
struct spool_op set_state(uint64_t id, enum spool_msg_state state, int64_t due);
struct spool_op just(enum spool_op_kind kind, uint64_t id);
/* Commits one operation and returns its result. */
int commit1(struct fixture *f, struct spool_op op);
struct spool_msg msg_of(struct fixture *f, uint64_t id); /* must be there */
struct spool_rcpt rcpt_of(struct fixture *f, uint64_t id, uint32_t index);
struct spool_totals totals_of(struct fixture *f);
/* Ids due at `now`, as text: "3 1 2". */
const char *due_text(struct fixture *f, int64_t now);
/* Everything that verify finds, as text: "body-crc:7 big-orphan:9"; empty: well. */
const char *verify_text(struct fixture *f);

#endif
