<?php

declare(strict_types=1);

namespace Leaks;

/** The receiving end of the case `elsewhere`: runs in a task worker. */
final class Mailbox
{
    /** @var list<string> */
    private static array $kept = [];

    public static function receive(string $payload, bool $keep): void
    {
        if ($keep) {
            self::$kept[] = $payload;
        }
    }
}
