<?php

declare(strict_types=1);

namespace Resident;

/**
 * Takes requests off the front of a connection's buffer.
 *
 * One parser for all connections of a worker: what it must remember between two reads is in the connection.
 */
final class Parser
{
    public const MAX_HEAD = 16 * 1024;
    public const MAX_BODY = 8 * 1024 * 1024;

    private const METHOD = '/^[!#$%&\'*+.^_`|~0-9A-Za-z-]+$/D';

    /** The next whole request, or null if more has to be read. Sets `$connection->expectsContinue`. */
    public function next(Connection $connection): ?Message
    {
        $buffer = $connection->in;
        if (strlen($buffer) < $connection->needs) {
            return null;
        }
        $end = strpos($buffer, "\r\n\r\n");
        if ($end === false || $end > self::MAX_HEAD) {
            return strlen($buffer) > self::MAX_HEAD ? throw new HttpError(431, 'the header is too large') : null;
        }
        $lines = explode("\r\n", substr($buffer, 0, $end));
        [$method, $target, $version] = $this->requestLine($lines[0]);
        $headers = $this->headers($lines);
        if ($version === 'HTTP/1.1' && !isset($headers['host'])) {
            throw new HttpError(400, 'no Host header');
        }
        $body = $this->body($connection, $headers, $end + 4);
        if ($body === null) {
            $connection->expectsContinue = strcasecmp($headers['expect'] ?? '', '100-continue') === 0;

            return null;
        }
        $asked = strtolower($headers['connection'] ?? '');
        $keepAlive = $version === 'HTTP/1.1'
            ? strpos($asked, 'close') === false
            : strpos($asked, 'keep-alive') !== false;

        return new Message($method, $target, $keepAlive, $headers, $body);
    }

    /** @return array{string, string, string} */
    private function requestLine(string $line): array
    {
        $parts = explode(' ', $line);
        if (count($parts) !== 3 || preg_match(self::METHOD, $parts[0]) !== 1) {
            throw new HttpError(400, 'no request line');
        }
        if ($parts[2] !== 'HTTP/1.1' && $parts[2] !== 'HTTP/1.0') {
            throw new HttpError(strncmp($parts[2], 'HTTP/', 5) === 0 ? 505 : 400, 'not HTTP/1.1 or HTTP/1.0');
        }
        if ($parts[1] === '' || $parts[1][0] !== '/') {
            // The absolute form, as clients write it to a proxy.
            if (preg_match('~^https?://[^/?#]+(/[^#]*)?$~Di', $parts[1], $found) !== 1) {
                throw new HttpError(400, 'no path');
            }
            $parts[1] = $found[1] ?? '/';
        }

        return $parts;
    }

    /**
     * @param list<string> $lines
     *
     * @return array<string, string>
     */
    private function headers(array $lines): array
    {
        $headers = [];
        for ($i = 1, $count = count($lines); $i < $count; $i++) {
            $colon = strpos($lines[$i], ':');
            if (!$colon || strcspn($lines[$i], " \t") < $colon) {
                throw new HttpError(400, 'malformed header');
            }
            $name = strtolower(substr($lines[$i], 0, $colon));
            $value = trim(substr($lines[$i], $colon + 1), " \t");
            $headers[$name] = isset($headers[$name]) ? "{$headers[$name]}, {$value}" : $value;
        }

        return $headers;
    }

    /**
     * The body, cut off the buffer together with the head; null if it is not here yet.
     *
     * @param array<string, string> $headers
     */
    private function body(Connection $connection, array $headers, int $start): ?string
    {
        $encoding = $headers['transfer-encoding'] ?? null;
        $length = $headers['content-length'] ?? null;
        if ($encoding !== null) {
            if ($length !== null) {
                throw new HttpError(400, 'both Content-Length and Transfer-Encoding');
            }
            if (strcasecmp($encoding, 'chunked') !== 0) {
                throw new HttpError(501, 'transfer encoding other than chunked');
            }

            return $this->chunked($connection, $start);
        }
        if ($length !== null && (!ctype_digit($length) || strlen($length) > 15)) {
            throw new HttpError(400, 'malformed Content-Length');
        }
        if ((int) $length > self::MAX_BODY) {
            throw new HttpError(413, 'the body is too large');
        }
        $connection->needs = $start + (int) $length;
        if (strlen($connection->in) < $connection->needs) {
            return null;
        }
        $body = substr($connection->in, $start, (int) $length);
        $connection->consume($connection->needs);

        return $body;
    }

    private function chunked(Connection $connection, int $at): ?string
    {
        $buffer = $connection->in;
        $pieces = [];
        $total = 0;
        while (true) {
            $line = strpos($buffer, "\r\n", $at);
            if ($line === false) {
                return strlen($buffer) - $at > 1024 ? throw new HttpError(400, 'malformed chunk') : null;
            }
            if (preg_match('/\G([0-9a-f]{1,7})[ \t]*(;[^\r\n]*)?\r\n/Ai', $buffer, $found, 0, $at) !== 1) {
                throw new HttpError(400, 'malformed chunk');
            }
            $size = (int) hexdec($found[1]);
            $total += $size;
            if ($total > self::MAX_BODY) {
                throw new HttpError(413, 'the body is too large');
            }
            $at = $line + 2;
            if ($size === 0) {
                break;
            }
            if (strlen($buffer) < $at + $size + 2) {
                $connection->needs = $at + $size + 2;

                return null;
            }
            if (substr_compare($buffer, "\r\n", $at + $size, 2) !== 0) {
                throw new HttpError(400, 'malformed chunk');
            }
            $pieces[] = substr($buffer, $at, $size);
            $at += $size + 2;
        }

        return $this->trailer($connection, $at) ? implode('', $pieces) : null;
    }

    /** Trailers are read over. True once the empty line after them is here. */
    private function trailer(Connection $connection, int $at): bool
    {
        $end = substr_compare($connection->in, "\r\n", $at, 2) === 0
            ? $at + 2
            : strpos($connection->in, "\r\n\r\n", $at);
        if ($end === false) {
            return strlen($connection->in) - $at > self::MAX_HEAD
                ? throw new HttpError(431, 'the trailer is too large')
                : false;
        }
        $connection->consume($end === $at + 2 ? $end : $end + 4);

        return true;
    }
}
