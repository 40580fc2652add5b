<?php

declare(strict_types=1);

namespace Leaks;

/** A request that gets an answer other than its page: 400 bad parameter, 501 not on this machine, ... */
final class Refused extends \RuntimeException
{
    public function __construct(public int $status, string $message)
    {
        parent::__construct($message);
    }
}
