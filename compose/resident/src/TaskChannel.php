<?php

declare(strict_types=1);

namespace Resident;

/**
 * From every worker to any task worker. Datagrams: messages of several writers never mix, and each is read by one.
 *
 * The master keeps both ends, so what was sent outlives a task worker that dies.
 */
final class TaskChannel
{
    public const MAX_BYTES = 128 * 1024;

    /** @var resource */
    private $writer;

    /** @var resource */
    public $reader;

    public function __construct()
    {
        [$this->writer, $this->reader] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_DGRAM, 0);
        stream_set_blocking($this->reader, false);
    }

    /** Waits where too many are queued already. */
    public function send(string $payload, bool $keep): void
    {
        stream_socket_sendto($this->writer, ($keep ? 'k' : 'd') . $payload);
    }

    /** @return array{string, bool}|null null: another task worker took it */
    public function receive(): ?array
    {
        $datagram = @stream_socket_recvfrom($this->reader, self::MAX_BYTES + 1);

        return is_string($datagram) && $datagram !== '' ? [substr($datagram, 1), $datagram[0] === 'k'] : null;
    }
}
