/*-------------------------------------------------------------------------
 *
 * fingerprint.c
 *	  CRC-64-AVRO, MD5 and SHA-256 of a schema's canonical form.
 *
 * The digests are written here because these files link without the server;
 * the tests compare them with the server's own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "avro/model.h"

#define CRC64_EMPTY UINT64CONST(0xc15d213aa4d7a795)
#define BLOCK 64				/* of both digests */

static uint64
crc64(const unsigned char *s, size_t len)
{
	uint64		crc = CRC64_EMPTY;

	for (size_t i = 0; i < len; i++)
	{
		crc ^= s[i];
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (CRC64_EMPTY & -(crc & 1));
	}
	return crc;
}

static inline uint32
rotate(uint32 x, int n)
{
	return x << n | x >> (32 - n);
}

static void
md5_block(uint32 *h, const unsigned char *block)
{
	static const unsigned char shifts[16] = {7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21};
	static const uint32 sines[64] = {
		0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
		0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
		0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
		0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
		0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
		0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
		0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
		0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391
	};
	uint32		w[16];
	uint32		a = h[0];
	uint32		b = h[1];
	uint32		c = h[2];
	uint32		d = h[3];

	for (int i = 0; i < 16; i++)
		w[i] = block[4 * i] | block[4 * i + 1] << 8 | block[4 * i + 2] << 16 | (uint32) block[4 * i + 3] << 24;
	for (int i = 0; i < 64; i++)
	{
		uint32		f;
		int			g;
		uint32		next = d;

		switch (i / 16)
		{
			case 0:
				f = (b & c) | (~b & d);
				g = i;
				break;
			case 1:
				f = (d & b) | (~d & c);
				g = (5 * i + 1) % 16;
				break;
			case 2:
				f = b ^ c ^ d;
				g = (3 * i + 5) % 16;
				break;
			default:
				f = c ^ (b | ~d);
				g = 7 * i % 16;
		}
		d = c;
		c = b;
		b += rotate(a + f + sines[i] + w[g], shifts[i / 16 * 4 + i % 4]);
		a = next;
	}
	h[0] += a;
	h[1] += b;
	h[2] += c;
	h[3] += d;
}

static void
sha256_block(uint32 *h, const unsigned char *block)
{
	static const uint32 k[64] = {
		0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
		0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
		0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
		0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
		0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
		0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
		0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
		0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
	};
	uint32		w[64];
	uint32		v[8];

	for (int i = 0; i < 16; i++)
		w[i] = (uint32) block[4 * i] << 24 | block[4 * i + 1] << 16 | block[4 * i + 2] << 8 | block[4 * i + 3];
	for (int i = 16; i < 64; i++)
	{
		uint32		s0 = rotate(w[i - 15], 25) ^ rotate(w[i - 15], 14) ^ w[i - 15] >> 3;
		uint32		s1 = rotate(w[i - 2], 15) ^ rotate(w[i - 2], 13) ^ w[i - 2] >> 10;

		w[i] = w[i - 16] + s0 + w[i - 7] + s1;
	}
	memcpy(v, h, sizeof(v));
	for (int i = 0; i < 64; i++)
	{
		uint32		s1 = rotate(v[4], 26) ^ rotate(v[4], 21) ^ rotate(v[4], 7);
		uint32		t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[i] + w[i];
		uint32		s0 = rotate(v[0], 30) ^ rotate(v[0], 19) ^ rotate(v[0], 10);
		uint32		t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));

		memmove(v + 1, v, 7 * sizeof(uint32));
		v[4] += t1;
		v[0] = t1 + t2;
	}
	for (int i = 0; i < 8; i++)
		h[i] += v[i];
}

/* Both digests pad alike, but for the order of the bytes of the length. */
static void
digest(const unsigned char *s, size_t len, uint32 *h, bool high_first,
	   void (*block) (uint32 *, const unsigned char *))
{
	unsigned char last[2 * BLOCK] = {0};
	size_t		rest = len % BLOCK;
	size_t		padded = rest < BLOCK - 8 ? BLOCK : 2 * BLOCK;

	for (size_t i = 0; i + BLOCK <= len; i += BLOCK)
		block(h, s + i);
	memcpy(last, s + len - rest, rest);
	last[rest] = 0x80;
	for (int i = 0; i < 8; i++)
		last[padded - 8 + i] = (uint64) len * 8 >> (high_first ? 56 - 8 * i : 8 * i);
	for (size_t i = 0; i < padded; i += BLOCK)
		block(h, last + i);
}

static int
md5(const unsigned char *s, size_t len, unsigned char *out)
{
	uint32		h[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};

	digest(s, len, h, false, md5_block);
	for (int i = 0; i < 16; i++)
		out[i] = h[i / 4] >> 8 * (i % 4);
	return 16;
}

static int
sha256(const unsigned char *s, size_t len, unsigned char *out)
{
	uint32		h[8] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
	};

	digest(s, len, h, true, sha256_block);
	for (int i = 0; i < 32; i++)
		out[i] = h[i / 4] >> (24 - 8 * (i % 4));
	return 32;
}

int
dp_avro_fingerprint(const DpSchema *schema, DpAvroFingerprint algorithm, unsigned char *out,
					DpError *err)
{
	DpBuf		text = {0};
	const unsigned char *s;
	uint64		crc;
	int			n = 0;

	if (!dp_avro_canonical(schema, &text, err))
	{
		dp_buf_free(&text);
		return 0;
	}
	s = (const unsigned char *) text.data;
	switch (algorithm)
	{
		case DP_AVRO_CRC64:
			crc = crc64(s, text.len);
			for (n = 0; n < 8; n++)
				out[n] = crc >> 8 * n;
			break;
		case DP_AVRO_MD5:
			n = md5(s, text.len, out);
			break;
		case DP_AVRO_SHA256:
			n = sha256(s, text.len, out);
			break;
	}
	dp_buf_free(&text);
	return n;
}

bool
dp_avro_fingerprint_number(const DpSchema *schema, uint64 *out, DpError *err)
{
	unsigned char bytes[DP_AVRO_FINGERPRINT_MAX];
	int			n = dp_avro_fingerprint(schema, DP_AVRO_CRC64, bytes, err);

	*out = 0;
	for (int i = 0; i < n; i++)
		*out |= (uint64) bytes[i] << 8 * i;
	return n > 0;
}
