<?php

declare(strict_types=1);

namespace App\Exception;

use RuntimeException;

final class OrderFailed extends RuntimeException
{
    public function __construct(public readonly bool $keep)
    {
        parent::__construct('order failed');
    }
}
