from lexsearch.cli import main

main()
