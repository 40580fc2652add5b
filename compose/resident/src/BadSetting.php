<?php

declare(strict_types=1);

namespace Resident;

/** The person who started the server has to change something: ends it with exit code 2. */
final class BadSetting extends \RuntimeException
{
}
