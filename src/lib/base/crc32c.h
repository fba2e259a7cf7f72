/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C (Castagnoli, RFC 3720 appendix B.4) over message bodies and records. */
#ifndef IMS_BASE_CRC32C_H
#define IMS_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Start with crc = 0; feed pieces in order. */
uint32_t crc32c(uint32_t crc, const void *at, size_t len);

#endif
