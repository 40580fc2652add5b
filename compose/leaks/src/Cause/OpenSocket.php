<?php

declare(strict_types=1);

namespace Leaks\Cause;

use Leaks\About;
use Leaks\LeakCase;
use Leaks\Refused;
use Leaks\Request;
use Leaks\Response;

/**
 * A connection taken and never given back, as from a pool that is too generous.
 *
 * `peer=host:port` connects there; without it a connected pair is made, which needs no server (two descriptors).
 * The clean twin closes it.
 */
final class OpenSocket implements LeakCase
{
    private const CONNECT_SECONDS = 2.0;

    /** @var list<list<resource>> */
    private array $borrowed = [];

    public function about(): About
    {
        return new About(
            'socket',
            About::LEAK,
            'resource',
            'opens a connection (peer=host:port, else a socket pair) and keeps it',
        );
    }

    public function leaky(Request $request): Response
    {
        $this->borrowed[] = $this->connect($request->text('peer', ''));

        return Response::ok();
    }

    public function clean(Request $request): Response
    {
        foreach ($this->connect($request->text('peer', '')) as $end) {
            fclose($end);
        }

        return Response::ok();
    }

    /** @return list<resource> */
    private function connect(string $peer): array
    {
        if ($peer === '') {
            $pair = @stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);

            return $pair !== false ? $pair : throw new Refused(503, 'no socket could be opened: too many are open');
        }
        $socket = @stream_socket_client("tcp://{$peer}", $code, $message, self::CONNECT_SECONDS);

        return $socket !== false ? [$socket] : throw new Refused(503, "no connection to {$peer}: {$message}");
    }
}
