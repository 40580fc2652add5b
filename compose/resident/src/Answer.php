<?php

declare(strict_types=1);

namespace Resident;

use Leaks\Response;

/** Turns a response into what goes over the wire. */
final class Answer
{
    private const REASONS = [
        200 => 'OK', 400 => 'Bad Request', 401 => 'Unauthorized', 404 => 'Not Found', 405 => 'Method Not Allowed',
        413 => 'Content Too Large', 431 => 'Request Header Fields Too Large', 500 => 'Internal Server Error',
        501 => 'Not Implemented', 503 => 'Service Unavailable', 505 => 'HTTP Version Not Supported',
    ];

    private int $second = 0;
    private string $date = '';

    public function bytes(Response $response, bool $keepAlive, bool $withBody): string
    {
        $head = "HTTP/1.1 {$response->status} " . (self::REASONS[$response->status] ?? 'Unknown') . "\r\n";
        foreach ($response->headers as $name => $value) {
            $head .= "{$name}: {$value}\r\n";
        }
        $head .= 'Content-Length: ' . strlen($response->body)
            . "\r\nDate: " . $this->date()
            . ($keepAlive ? "\r\nConnection: keep-alive\r\n\r\n" : "\r\nConnection: close\r\n\r\n");

        return $withBody ? $head . $response->body : $head;
    }

    private function date(): string
    {
        $now = time();
        if ($now !== $this->second) {
            $this->second = $now;
            $this->date = gmdate('D, d M Y H:i:s', $now) . ' GMT';
        }

        return $this->date;
    }
}
