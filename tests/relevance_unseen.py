"""A second set of questions, on which no way of searching was chosen: what Python's language reference answers.

The text is what every CPython carries for `help("…")`: chapters on statements, expressions, methods of text, formats
and the debugger. Questions were written while reading it, before any was searched, in three kinds: in other words than
the text has, in natural words of which some are in the text, and by a rare name, sign or number. What answers a
question is known by a phrase: every chunk with one of its phrases will do, wherever this Python's text is cut. The
phrases are in the text of Python 3.11, 3.12 and 3.13.

Whoever wants to choose something by these questions may use `half(0)`; `half(1)` is there to test the choice.
"""

from __future__ import annotations

from pydoc_data.topics import topics

#: Chapters of which none contains another, about 300,000 characters.
_CHAPTERS = """specialnames compound string-methods formatstrings debugger typesmapping assignment comparisons execmodel
    strings import operator-summary calls identifiers objects raise binary subscriptions slicings global booleans
    integers power atom-identifiers exprlists assert return del nonlocal floating truth unary bitwise yield shifting
    imaginary break continue lambda dict conversions attribute-references"""

#: A question, and phrases by which what answers it is known.
Question = tuple[str, ...]

IN_OTHER_WORDS: list[Question] = [
    ("why does my finalizer hang when another thread holds what it needs?", "it may deadlock as the resource"),
    ("can something come back from the dead while it is being torn down?", "This is called object *resurrection*"),
    (
        "switch off an inherited ability, so that looping over my class fails",
        'Setting a special method to "None" indicates',
    ),
    (
        "why do sets come out in a different order every time the program starts?",
        "with an unpredictable random value",
        "Changing hash values affects the iteration order of sets",
    ),
    (
        "save memory by forbidding new fields on instances",
        "explicitly declare data members",
        "The space saved over using",
    ),
    (
        "run some code whenever somebody derives from my type",
        "This method is called whenever the containing class is subclassed",
        "it is possible to write classes which change the behavior of subclasses",
    ),
    (
        "how does a field learn what it is called in the type that holds it?",
        "Automatically called at the time the owning class",
        "scans the class variables and makes callbacks",
    ),
    (
        "compute a module's variable only once somebody wants it",
        '"__getattr__" function at the module level should accept',
    ),
    ("make my objects usable like functions", "Called when the instance is"),
    (
        "swallow an error at the end of a with block",
        "wishes to suppress the exception",
        "If the return value was true, the exception is suppressed",
    ),
    (
        "let a type decide which things count as its instances",
        "should be considered a (direct or indirect) instance",
        'used to override the default behavior of the "isinstance()"',
    ),
    (
        "give an approximate size in advance so that memory can be reserved",
        "Should return an estimated length for the object",
    ),
    ("let people walk through my collection from its end", 'Called (if present) by the "reversed()" built-in'),
    (
        "things that are the same must land in the same bucket of a table",
        "objects which compare equal have the same hash value",
        "result should be consistent with equality",
    ),
    (
        "what is tried when the left number does not know how to add the right one?",
        "with reflected (swapped) operands",
    ),
    ("a friendly text of an object for people rather than for programmers", "nicely printable string representation"),
    (
        "which branch runs if a loop was not left early?",
        'terminates the loop without executing the "else" clause',
        'skipping the optional "else" clause',
    ),
    (
        "why is the caught error's variable gone after its handler?",
        'it is cleared at the end of the "except" clause',
        "Exceptions are cleared because",
    ),
    (
        "handle several simultaneous failures, each kind by its own handler",
        'are used for handling "ExceptionGroup"s',
        "each handling part of the exception group",
    ),
    (
        "the list I gave as a fallback argument keeps growing between invocations",
        "Default parameter values are evaluated",
        "the default parameter value is in effect modified",
        "used as default value will be shared by all calls",
    ),
    (
        "tidy up no matter whether things went wrong",
        'If "finally" is present, it specifies',
        '"finally" clause of such a statement can be used to specify cleanup code',
    ),
    (
        "the last alternative that takes whatever is left, of which there may be a single one",
        "at most one irrefutable case block",
    ),
    ("does the underscore swallow everything without remembering it?", "A wildcard pattern always succeeds"),
    ("take any of several shapes, whichever fits first", "OR pattern matches each of its subpatterns in turn"),
    ("put a wrapper around a routine where it is declared", "may be wrapped by one or more"),
    ("force callers to spell out the name of a parameter", "may only be passed by keyword arguments"),
    (
        "several resources opened together by one line",
        "With more than one item, the context managers are processed",
        "multi-item context managers in multiple lines",
    ),
    (
        "does text count as a list when structures are taken apart?",
        'is an instance of "str", "bytes" or "bytearray" the sequence pattern fails',
        "do not match sequence patterns",
    ),
    (
        "compare words without caring about capitals, German sharp s included",
        "Casefolding is similar to lowercasing but more aggressive",
        "Casefolded strings may be used for caseless matching",
    ),
    ("put words in the middle of a line of given size", "Return centered in a string of length"),
    ("cut off a known beginning, if it is there", "If the string starts with the *prefix* string, return"),
    ("glue pieces together with commas between them", "concatenation of the strings in *iterable*"),
    ("pad account numbers in front with noughts", "left filled with ASCII"),
    (
        "why does the letter after an apostrophe become a capital in headings?",
        "apostrophes in contractions and possessives",
    ),
    (
        "chop text at every blank, however many there are in a row",
        "runs of consecutive whitespace are regarded as a single separator",
    ),
    (
        "replace many single letters at once by looking each up",
        "character has been mapped through the given translation table",
        "returns a translation table usable for",
    ),
    ("where does a snippet occur for the last time?", "Return the highest index in the string"),
    (
        "show big amounts with digits grouped in threes",
        "the use of a comma for a thousands separator",
        "Using the comma as a thousands separator",
        "an underscore for a thousands separator",
    ),
    ("how do I print curly brackets themselves?", "it can be escaped by doubling"),
    ("show a ratio as so many out of a hundred", "Multiplies the number by 100", "Expressing a percentage"),
    (
        "decide at run time how wide a column will be",
        "can also include nested replacement fields",
        "Nesting arguments and more complex",
    ),
    ("halt only if some condition holds", "must evaluate to true before the breakpoint is honored"),
    (
        "look at what went wrong after the crash",
        "The typical usage to inspect a crashed program",
        "Enter post-mortem debugging of the",
        "automatically enter post-mortem debugging",
    ),
    ("a halt that vanishes after it was reached once", "Temporary breakpoint, which is removed"),
    ("go on without descending into routines that are invoked", '"next" executes called functions at'),
    (
        "keep an eye on a variable and show it at each halt when it is different",
        "Display the value of *expression* if it changed",
    ),
    (
        "shorthand for something that I type often while hunting bugs",
        "Create an alias called",
        "The debugger supports aliases",
    ),
    (
        "begin again from the start without losing my stops",
        "Restart the debugged Python program",
        "Automatic restarting preserves",
    ),
    ("exchange the values of a pair without a third place to keep one", "swaps two variables"),
    (
        "collect the leftovers when a list is taken apart into names",
        "A list of the remaining items in the iterable is then assigned",
    ),
    (
        "change a local of the surrounding function from an inner one",
        "allows encapsulated code to rebind variables",
        '"nonlocal" statement causes',
        "refer to previously bound variables in the nearest enclosing",
    ),
    ("a float that does not equal itself", "values are not equal to themselves"),
    (
        "bring in all that a package offers with one line, and what decides what that is",
        "*public names* defined by a module",
        "names defined in the module are bound",
    ),
    ("leave checks out when the interpreter is started for speed", "emits no code for an assert statement"),
    (
        "which is done first, multiplying or adding?",
        "Multiplication, matrix",
        "one for multiplicative operators and one for additive",
    ),
    (
        "two variables may share one thing in memory if it cannot change",
        "may actually return a reference to any existing object",
    ),
    (
        "when is memory given back once nothing points to a thing?",
        "when they become unreachable they may be garbage-collected",
        "most objects as soon as they become unreachable",
    ),
    (
        "hide the original failure when throwing another",
        "Exception chaining can be explicitly suppressed",
        '"__suppress_context__" attribute',
    ),
]

IN_NATURAL_WORDS: list[Question] = [
    (
        "What does __new__ have to return for __init__ to be called?",
        'If "__new__()" does not return an instance',
        "it returns an instance of *cls*",
    ),
    (
        "How can a subclass of an immutable type such as tuple customize how instances are created?",
        "intended mainly to allow subclasses of immutable types",
    ),
    ("Are exceptions raised in __del__ propagated?", "exceptions that occur during their execution are ignored"),
    (
        "When is repr used instead of str?",
        'If a class defines "__repr__()" but not "__str__()"',
        'The default implementation defined by the built-in type "object" calls',
    ),
    ("What does an object do with a format specification that is not empty?", "if passed any non-empty string"),
    ("Which comparison methods are each other's reflection?", "no swapped-argument versions of these methods"),
    (
        "How do I keep a parent's hash when I override equality?",
        'needs to retain the implementation of "__hash__()"',
    ),
    (
        "When is an object without __bool__ considered true?",
        'When this method is not defined, "__len__()" is called',
        "an object is considered true unless",
        "returns zero is considered to be false in a Boolean context",
    ),
    (
        "How do data descriptors and non-data descriptors differ?",
        "override a redefinition in an instance dictionary",
    ),
    ("Can an instance override a property?", "instances cannot override the behavior of a property"),
    ("Can weak references be made to instances of classes with slots?", '"weak references" to its instances'),
    (
        "How is the metaclass of a class with several bases determined?",
        "The most derived metaclass is selected from",
        "appropriate metaclass for a class definition is determined",
    ),
    (
        "In which namespace is a class body executed?",
        "The class body is executed (approximately)",
        "suite is then executed in a new execution frame",
    ),
    ("How does super() without arguments know the class?", "to correctly identify the class being defined"),
    (
        "Which arguments does __exit__ get if no exception occurred?",
        "If the context was exited without an exception",
        'Otherwise, three "None" arguments are supplied',
    ),
    (
        "Are special methods looked up on the instance or on its type?",
        "implicit invocations of special methods are only guaranteed",
        "In addition to bypassing any instance attributes",
    ),
    (
        "How do I make a class work with positional patterns in match?",
        "the class needs to define a *__match_args__*",
        "positional argument will be converted into a keyword argument",
        "converted to keyword patterns using the",
    ),
    (
        "Does the in operator need the object to be iterable?",
        "does not require the object be iterable",
        "the membership test first tries iteration",
    ),
    ("What is a suite in a compound statement?", "A suite is a group of statements controlled by a clause"),
    (
        "Can I change the loop variable inside a for loop to skip ahead?",
        "This overwrites all previous assignments to those variables",
    ),
    (
        "What happens to an exception if finally executes return?",
        "the saved exception is discarded",
        "will always be the last one executed",
    ),
    ("In which order are except clauses inspected?", 'inspects the "except" clauses in turn'),
    ("Can I use break or continue inside except*?", 'cannot appear in an "except*" clause'),
    (
        "When is the guard of a case block evaluated?",
        'Check that the pattern in the "case" block succeeded',
        "the corresponding guard (if present) is evaluated",
        "Guard evaluation must proceed",
    ),
    ("Do names bound by a successful pattern survive the match statement?", "outlive the executed block"),
    (
        "How many star subpatterns may a sequence pattern contain?",
        "At most one star subpattern may be in a sequence pattern",
    ),
    ("Are duplicate keys allowed in mapping patterns?", "Duplicate keys in mapping patterns are disallowed"),
    (
        "Which standard library classes are sequences for pattern matching?",
        "The following standard library classes are sequences",
    ),
    (
        "When are annotations of function parameters evaluated?",
        "they are evaluated when the function definition is executed",
    ),
    (
        "Is the order of attributes in a class body preserved?",
        "The order in which attributes are defined in the class body",
    ),
    ("Where may await and async for be used?", "can only be used in the body of a coroutine function"),
    ("In which order does popitem return pairs?", "Pairs are returned in LIFO"),
    (
        "What happens to a view when the dictionary changes?",
        "They provide a dynamic view on the dictionary",
        "view objects are dynamic and reflect dict changes",
    ),
    (
        "What happens if I delete dictionary entries while iterating over a view?",
        "while adding or deleting entries in the dictionary may raise",
    ),
    (
        "Are dictionaries ordered by insertion?",
        "Dictionaries preserve insertion order",
        "order is guaranteed to be insertion order",
        "Keys and values are iterated over in insertion order",
    ),
    (
        "Which of two merged dictionaries wins for a shared key?",
        "take priority when *d* and *other* share keys",
        "Later values replace values already set by earlier dict items",
    ),
    ("What does find return if the substring is not found?", 'Return "-1" if *sub* is not found'),
    (
        "Which characters count as line boundaries for splitlines?",
        "This method splits on the following line boundaries",
        "Paragraph Separator",
    ),
    (
        "What is the difference between isdecimal, isdigit and isnumeric?",
        "Numeric characters include digit characters",
        "Digits include decimal characters",
        "Decimal characters are those that can be used to form numbers",
    ),
    (
        "How are encoding errors handled when a string is encoded to bytes?",
        "controls how encoding errors are handled",
    ),
    ("Which alignment puts padding after the sign?", "Forces the padding to be placed after the sign"),
    (
        "What does precision mean when a string is formatted?",
        "For string presentation types the field indicates the maximum field size",
    ),
    (
        "How are positional arguments numbered automatically in a format string?",
        "they can all be omitted (not just some)",
        "positional argument specifiers can be omitted",
    ),
    (
        "How do I leave out modules in which the debugger should not stop?",
        "iterable of glob-style module name patterns",
        "skip=['django.*']",
    ),
    ("How do I run several debugger commands on one line?", "Multiple commands may be entered on a single line"),
    ("Can the debugger jump into the middle of a loop?", "not all jumps are allowed"),
    ("Where does the debugger look for its startup file?", "encoding and executed as if it had been typed"),
    (
        "Can methods see names defined at class scope?",
        "methods defined inside the class still cannot see names",
        "The scope of names defined in a class block is limited",
    ),
    (
        "When is UnboundLocalError raised?",
        '"UnboundLocalError" exception is raised',
        "the FAQ entry on UnboundLocalError",
    ),
    ("Which names can eval and exec see?", "do not have access to the full environment for resolving names"),
    (
        "How do augmented assignments differ from normal ones?",
        "to achieve a similar, but not exactly equal effect",
        "Unlike normal assignments, augmented assignments evaluate",
    ),
    ("Where are annotations of variables stored?", "stored in a special class or module attribute"),
    (
        "Can a list be compared with a tuple?",
        "can be compared only within each of their types",
        "because the type is not the same",
    ),
    ("What do the comparison operators mean for sets?", "mean subset and superset tests"),
    ("Can a raw string end in a backslash?", "a raw literal cannot end in a single backslash"),
    (
        "What happens to unrecognized escape sequences?",
        "all unrecognized escape sequences are left in the string unchanged",
        "Unrecognized escape sequences produce a",
    ),
    ("How do I import from a parent package with leading dots?", "using leading dots in the specified module"),
    (
        "What may come before a future statement in a module?",
        "lines that can appear before a future statement are",
    ),
    (
        "What happens if a call has more positional arguments than parameters?",
        "If there are more positional arguments than there are formal parameter slots",
    ),
    ("What does the modulo operator return for negative numbers?", "a result with the same sign as its second operand"),
    (
        "How are negative indices of sequences interpreted?",
        "interprets negative indices by adding the length",
        "If it is negative, the sequence",
    ),
    (
        "Which values are false in a Boolean context?",
        "the following values are interpreted as false",
        "most of the built-in objects considered false",
    ),
    ("What does a return statement do in a generator?", "indicates that the generator is done"),
]

BY_A_RARE_WORD: list[Question] = [
    ("__length_hint__ NotImplemented", 'Called to implement "operator.length_hint()"'),
    ("PYTHONHASHSEED", '"PYTHONHASHSEED"'),
    ("sys.hash_info.width", "sys.hash_info.width"),
    ("__objclass__ attribute", 'The attribute "__objclass__"'),
    ("__classcell__ RuntimeError", '"__classcell__" entry'),
    ("__mro_entries__ original bases", "The method is called with the original bases tuple"),
    ("__prepare__ kwds", "metaclass.__prepare__(name, bases"),
    ("Enum Menu SPAM BACON", "Enum classes have a custom metaclass"),
    ("__imatmul__", "__imatmul__"),
    ("what is @= for?", "augmented arithmetic assignments", "augop ::="),
    ("__rpow__ ternary", 'will not try calling "__rpow__()"'),
    ("__trunc__ deprecated in 3.11", 'The delegation of "int()" to "__trunc__()" is deprecated'),
    ("__index__ bin hex oct", '"bin()", "hex()" and "oct()"'),
    ("PEP 562", "PEP 562"),
    ("PEP 252", "PEP 252"),
    ("ocert-2011-003", "ocert-2011-003"),
    ("Philosopher default_name Bruce", "AustralianPhilosopher"),
    ("OverflowError sys.maxsize", 'the length is required to be at most "sys.maxsize"'),
    ("__anext__ StopAsyncIteration", '"__anext__" method', "except StopAsyncIteration"),
    ("Py_TPFLAGS_SEQUENCE", "Py_TPFLAGS_SEQUENCE"),
    ("Py_TPFLAGS_MAPPING", "Py_TPFLAGS_MAPPING"),
    ("Raymond Hettinger", "Raymond Hettinger"),
    ("whats_on_the_telly", "whats_on_the_telly"),
    ("BlockingIOError", "BlockingIOError"),
    ("PEP 614", "PEP 614"),
    ("fromkeys", "classmethod fromkeys", '"fromkeys()" is a class method'),
    ("setdefault default", "setdefault(key"),
    ("sjoerd 4127", "sjoerd"),
    ("__missing__ Counter red", "class Counter(dict)"),
    ("expandtabs tabsize=8", "str.expandtabs", "Tab positions occur every"),
    ("U+2155", "U+2155"),
    ("Kharosthi", "Kharosthi numbers"),
    (r"what is \u2029?", "Paragraph Separator"),
    ("xmlcharrefreplace", "xmlcharrefreplace"),
    ("LC_NUMERIC thousands_sep", '"thousands_sep"'),
    ("general category Zs", '"Zs"'),
    ("format_map Guido", "str.format_map", "Default(name='Guido')"),
    ("format option 'z' PEP 682", "PEP 682"),
    ("C0A80001", "C0A80001"),
    ("!r in a replacement field", "conversion flags are currently supported", "{name!r}", 'conversion ::= "r"'),
    ("presentation type 'G'", "except switches to"),
    ("{:,} of 1234567890", "format(1234567890)"),
    ("nosigint", "want Pdb not to touch the SIGINT handler"),
    ("tbreak", "tbreak ["),
    ("unt(il) lineno", "unt(il)"),
    ("interact with global names of the frame", "Start an interactive interpreter"),
    ("retval", "Print the return value for the last return"),
    ("pdb.pm()", "pdb.pm()"),
    ("PEP 636", "PEP 636"),
    ("-1e-100 % 1e100", "-1e-100 % 1e100"),
    ("U+00C7", "U+00C7"),
    ("Other_ID_Start", "Other_ID_Start"),
    ("DerivedCoreProperties.txt", "DerivedCoreProperties.txt"),
    ("generator_stop nested_scopes", '"generator_stop"'),
    ("PyArg_ParseTuple", "PyArg_ParseTuple"),
    ("PEP 3132", "PEP 3132"),
    ("0o377 octal", 'larger than "0o377"'),
    ("0xdeadbeef", "0xdeadbeef"),
    ("077e010", "077e010"),
    ("what is 10**-2?", '"10**-2" returns'),
    ("what is -1**2?", '"-1**2" results in'),
    ("3.14%0.7", "3.14%0.7"),
    ("precedence of :=", '":="'),
    ("__rxor__", "__rxor__"),
    ("-(x+1)", '"-(x+1)"'),
    ("StopIteration.value", "StopIteration.value"),
    ("__suppress_context__", "__suppress_context__"),
    ("gettext and _", '"gettext" module'),
    ("__debug__ -O", 'Assignments to "__debug__" are illegal', 'command line option "-O"'),
    ("float('NaN') IEEE 754", "compliant with IEEE 754"),
]

KINDS = {"in other words": IN_OTHER_WORDS, "in natural words": IN_NATURAL_WORDS, "by a rare word": BY_A_RARE_WORD}


def half(number: int) -> list[Question]:
    """Every other question of each kind, from the first (0) or the second (1) on."""
    return [question for questions in KINDS.values() for question in questions[number::2]]


def chapters() -> dict[str, str]:
    """The text to cut, by name."""
    return {name: topics[name] for name in _CHAPTERS.split()}


def answers(question: Question, passage: str) -> bool:
    """Whether a passage holds one of the phrases, however its lines are broken."""
    flat = " ".join(passage.split())
    return any(phrase in flat for phrase in question[1:])
